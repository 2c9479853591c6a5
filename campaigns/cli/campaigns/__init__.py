"""`create`, `edit`, `list`, `show`, `archive`, `plan`, `launch`."""

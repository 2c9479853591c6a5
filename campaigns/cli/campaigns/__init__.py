"""The commands `create`, `edit`, `list`, `show`, `archive`, `plan` and `launch`."""

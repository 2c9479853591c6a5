"""What all commands share: settings and store, output, progress on files."""

"""One row for each occurrence."""

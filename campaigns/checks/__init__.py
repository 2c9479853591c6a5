"""Checks of the parts of an installation, for `doctor` and for the page of the system. They only read."""

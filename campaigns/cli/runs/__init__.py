"""`runs` and `reconcile`."""

"""The commands `runs` and `reconcile`, and watching a run."""

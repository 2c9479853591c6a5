"""What operators do to a run, and its end by time. 7: rerun."""

"""What operators do to a run: pause, resume, cancel, rerun; and its end by expiry."""

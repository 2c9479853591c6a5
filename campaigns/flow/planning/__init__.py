"""2 and 3: who gets a run, what it says, and its batches."""

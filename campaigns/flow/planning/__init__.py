"""Who gets a run, what it says, and its batches."""

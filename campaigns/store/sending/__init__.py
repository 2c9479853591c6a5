"""The send path's writes: lanes, batches, attempts, circuits, halves."""

"""The writes of the send path: lanes, batches, attempts, circuits, halves."""

"""4 and 5: one send, from the choice of a batch to its recorded outcome."""

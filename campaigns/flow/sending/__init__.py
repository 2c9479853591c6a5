"""One send, from the choice of a batch to its recorded outcome."""

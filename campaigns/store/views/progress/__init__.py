"""The progress of a run for the pages of the desk: few statements, each bounded or one pass over the batches."""

"""What all accounts are doing, read in a bounded number of statements."""

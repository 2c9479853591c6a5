"""The pages of fans and of suppressions."""

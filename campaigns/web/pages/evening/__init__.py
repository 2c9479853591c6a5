"""The pages of the running evening: what needs a person, what goes on, one run and its batches, and acts on it."""

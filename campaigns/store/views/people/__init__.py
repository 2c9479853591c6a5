"""Who may use the desk: operators, their sessions and their tokens."""

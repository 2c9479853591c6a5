"""Read-only questions that pages ask: a search of the log, and one account as it is now."""

"""Read-only questions, in the documented JSON's keys."""

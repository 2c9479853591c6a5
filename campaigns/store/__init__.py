"""All SQL: tables, claims (the only locking writes), audit, views (read-only questions)."""

"""All SQL: one package for each subject, read-only questions in views/, and what the rows prove in proof/."""

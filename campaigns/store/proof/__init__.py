"""What the database can prove."""

"""What a host keeps when the database is away."""

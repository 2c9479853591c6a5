"""What commands refuse or cannot finish, in sentences."""

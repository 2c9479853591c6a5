"""The commands `accounts` and `limits`."""

"""What keeps a run from sending: holds, sending hours, expiry."""

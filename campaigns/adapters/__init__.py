"""The outside: the vendor over HTTP, Redis, and files of this host."""

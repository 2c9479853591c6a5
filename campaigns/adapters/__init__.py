"""The outside: the vendor's HTTP API, the shared rate budget in Redis, and a faithful local vendor."""

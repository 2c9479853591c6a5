"""A faithful local vendor: its mass-messaging API on loopback, with faults on demand and a record of the truth."""

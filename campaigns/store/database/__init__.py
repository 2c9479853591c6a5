"""Connections, migrations, and statements that are compiled once."""

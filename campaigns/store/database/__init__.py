"""Connections, migrations, server checks, and statements that are compiled once."""

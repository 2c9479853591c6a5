"""Importing this fills the metadata with every table."""

from __future__ import annotations

from campaigns.store.tables import accounts, attempts, audience, audit, backup, batches, campaigns, recalls, runs  # noqa: F401 - what fills the metadata

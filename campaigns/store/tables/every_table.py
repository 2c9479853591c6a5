"""Importing this fills the metadata with every table."""

from __future__ import annotations

from campaigns.store.tables import (  # noqa: F401 - what fills the metadata
    accounts,
    attempts,
    audience,
    audit,
    backup,
    batches,
    campaigns,
    desk,
    probes,
    questions,
    recalls,
    runs,
)

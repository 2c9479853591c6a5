"""Drafts, and launching them."""

"""Vendor accounts."""

"""The commands `suppress`, `who` and `why-not`."""

"""`schedule`, `pause`, `resume`."""

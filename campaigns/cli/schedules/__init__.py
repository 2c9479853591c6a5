"""The commands `schedule`, `pause` and `resume`."""

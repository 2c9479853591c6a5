"""The commands `up`, `worker`, `beat`, `sandbox`, `db` and `doctor`."""

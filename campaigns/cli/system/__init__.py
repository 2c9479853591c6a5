"""`up`, `worker`, `beat`, `sandbox`, `db`, `doctor`."""

"""`operators` and `tokens`: who may use the desk and its API."""

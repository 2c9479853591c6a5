"""6: unknowns: found, searched for, decided."""

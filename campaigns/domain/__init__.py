"""Pure decisions: no clock, no input or output, standard library and pyroaring only."""

"""Pure decisions: no clock, no input or output, standard library, pyroaring and cronsim only."""

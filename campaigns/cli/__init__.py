"""The operator's commands, one package for each subject."""

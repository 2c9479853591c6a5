"""The help of commands, and what a shell completes."""

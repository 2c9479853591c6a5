"""New and Edit: the form, its faults beside their fields, and the live preview of the plan."""

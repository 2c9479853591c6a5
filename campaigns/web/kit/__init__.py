"""What routes and pages share."""

"""What people type about a campaign, for the command line and pages alike: fields, campaign files, times."""

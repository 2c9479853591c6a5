"""When a campaign is sent."""

"""When a campaign is sent: occurrences, sending hours, misfire, overlap and hand-off."""

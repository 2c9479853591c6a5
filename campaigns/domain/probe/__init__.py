"""What a probe learns about the vendor, from how it shows a scheduled message."""

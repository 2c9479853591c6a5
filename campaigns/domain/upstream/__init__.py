"""What the vendor answers, and what an answer proves."""

"""What the vendor returns, and what each reply proves."""

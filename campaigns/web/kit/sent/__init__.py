"""What requests bring: bodies of the API, forms, and files of recipients."""

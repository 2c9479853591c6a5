"""What the pages and the API of access share."""

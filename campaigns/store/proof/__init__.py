"""What the database can prove: the books, the requests, the recalls and the trail."""

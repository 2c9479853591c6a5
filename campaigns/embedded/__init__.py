"""`campaigns up`: broker, database, worker and beat on one machine from one command."""

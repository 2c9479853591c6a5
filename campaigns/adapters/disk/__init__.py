"""Files on this host: outcomes that wait for the database, the ID of the home, and workbooks."""

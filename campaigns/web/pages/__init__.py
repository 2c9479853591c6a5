"""Server-rendered pages: one module of routes for each subject."""

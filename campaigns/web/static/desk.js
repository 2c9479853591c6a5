// The one script of the desk. Every page works without it.

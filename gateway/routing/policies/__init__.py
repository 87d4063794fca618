"""One ordering of candidates per file."""

"""Redis: the one store."""

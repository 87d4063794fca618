"""The command line: parse arguments, call a room."""

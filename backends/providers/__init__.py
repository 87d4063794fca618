"""One wire protocol per folder, and a table of those who speak a known one."""

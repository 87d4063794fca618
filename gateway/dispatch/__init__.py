"""Carrying a decision out: attempts, failover, the commit point."""

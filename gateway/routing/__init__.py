"""Choosing. Pure: clock, dice and statistics come in as arguments."""

"""All that speaks HTTP to callers: the door, and what stands before it."""

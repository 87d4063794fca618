"""Who calls: keys, and what each may use."""

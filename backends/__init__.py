"""Upstreams: what speaks to models. Knows nothing of the gateway."""

"""The benchmark: Headrace and its peers, side by side on this machine (`python -m benchmarks`)."""

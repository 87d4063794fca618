"""The load generator: cheap protocol clients in a process of their own (`python -m benchmarks.load < SCENARIO`)."""

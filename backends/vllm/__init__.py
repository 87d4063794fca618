"""Our own cluster of vLLM engines."""

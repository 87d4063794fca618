"""What a key, its team and the organisation may do: rates, requests in flight, and money. Strict, and local."""

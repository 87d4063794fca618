"""The schema of routing_rules.yaml, one file per place in it; `gateway.routing.rules` is its root."""

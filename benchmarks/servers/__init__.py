"""Small servers that stand beside the gateway as yardsticks; no part of the product."""

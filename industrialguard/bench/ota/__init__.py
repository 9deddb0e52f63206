"""`industrialguard bench ota`: what releases cost to carry, to fetch and to follow."""

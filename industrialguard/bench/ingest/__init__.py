"""`industrialguard bench ingest`: what the road from a device to the store bears and costs."""

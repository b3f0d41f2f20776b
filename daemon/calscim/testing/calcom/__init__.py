"""A simulated Cal.com: its API v2 as it was recorded to answer."""

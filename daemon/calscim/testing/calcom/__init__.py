"""A simulated Cal.com, whose API v2 responds as the recordings of a real one."""

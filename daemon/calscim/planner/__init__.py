"""The pure core: what should be where, what to do about it, and what may be done. No I/O, no clock."""

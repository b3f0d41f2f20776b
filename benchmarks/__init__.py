"""Measurements against a baseline in the same run. Nothing here is asserted; numbers are printed."""

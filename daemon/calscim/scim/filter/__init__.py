"""Filters and sorting (RFC 7644 section 3.4.2), from text to SQL."""

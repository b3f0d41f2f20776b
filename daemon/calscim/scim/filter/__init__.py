"""Filters and sort orders (RFC 7644 section 3.4.2), compiled from text to SQL."""

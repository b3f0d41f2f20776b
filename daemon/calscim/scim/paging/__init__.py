"""Cursors (RFC 9865) and walking through all pages."""

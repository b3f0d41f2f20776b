"""Pages with cursors (RFC 9865)."""

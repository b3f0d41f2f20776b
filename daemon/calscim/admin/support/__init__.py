"""Builds a support bundle: diagnostic files without secrets, and without personal data unless it is asked for."""

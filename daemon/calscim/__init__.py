"""Directory sync beside Cal.com: SCIM in, a journal in Postgres, drift corrected through API v2."""

__version__ = "0.1.0"

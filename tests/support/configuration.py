"""The smallest configuration, and an organization for it."""

MINIMAL = """
[database]
dsn = "postgresql://calscim@localhost/calscim"
"""


ACME = """
[[organization]]
name = "acme"
organization_id = 42
api_key = "cal_secret"
"""

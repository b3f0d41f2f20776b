"""Slugs and usernames as Cal.com derives them from names and addresses."""

import re
from unicodedata import combining, normalize


def slug(text: str) -> str:
    """Return the text in lower case without accents, each run of other characters as one dash.

    Periods stay, as in the username a.b-c-d-acme of a.b-c_d@acme.test.
    """
    plain = "".join(char for char in normalize("NFD", text.lower().strip()) if not combining(char))
    dashed = re.sub(r"[^\w.]+|_+", "-", plain)
    return re.sub(r"-+", "-", dashed).strip("-").strip(".")


def username(email: str) -> str:
    """Return the username of an account that POST users creates: local part and first label of the domain."""
    local, _, domain = email.partition("@")
    return slug(f"{local}-{domain.partition('.')[0]}")

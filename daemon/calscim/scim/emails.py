"""The e-mail addresses of a user: which one is the address of the account in Cal.com, and how a change sets it."""

from typing import Any

from calscim.names import address_key, folded, is_address

_PRIVATE_TYPES = ("home", "other")  # types of addresses that are not the company's


def account_email(resource: dict[str, Any]) -> str:
    """Return the address of the account in Cal.com, "" if the user has none. docs/reference/scim.md has the table.

    This is the primary address, else the first of type work, else the first that is not private, else a userName
    that is an address, else the first private one. A text that cannot be an address does not count.
    """
    emails = [email for email in resource.get("emails", ()) if is_address(email.get("value", ""))]
    main = _main_email(emails)
    if main is not None:
        return str(main["value"])
    user_name: str = resource["userName"]
    if is_address(user_name):
        return user_name
    return str(emails[0]["value"]) if emails else ""


def _main_email(emails: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the address that ``email`` stands for: never a private one that is not primary."""
    for candidates in (
        [email for email in emails if email.get("primary")],
        [email for email in emails if folded(str(email.get("type", ""))) == "work"],
        [email for email in emails if not _is_private(email)],
    ):
        if candidates:
            return candidates[0]
    return None


def _is_private(email: dict[str, Any]) -> bool:
    return not email.get("primary") and folded(str(email.get("type", ""))) in _PRIVATE_TYPES


def stored_addresses(resource: dict[str, Any]) -> frozenset[str]:
    """Return every address of a stored user."""
    return frozenset(email.get("value", "") for email in resource.get("emails", ()))


def email_keys(resource: dict[str, Any]) -> tuple[str, ...]:
    """Return every address in the form in which addresses are compared."""
    values = (email.get("value") for email in resource.get("emails", ()))
    return tuple(dict.fromkeys(address_key(value) for value in values if value))


def set_email(resource: dict[str, Any], value: str | None) -> None:
    """Set the address that ``email`` stands for. Without a value, only private addresses remain."""
    emails: list[dict[str, Any]] = resource.get("emails", [])
    main = _main_email([email for email in emails if email.get("value")])
    equal = [
        email
        for email in emails
        if value and address_key(email.get("value", "")) == address_key(value)
    ]
    if not value:
        emails = [email for email in emails if _is_private(email)]
    elif equal:
        equal[0]["value"] = value
        if not any(email is main for email in equal):
            for email in emails:
                if email is equal[0] or email.get("primary"):
                    email["primary"] = email is equal[0]
    elif main is not None:
        main["value"] = value
        main.pop("display", None)
    else:
        emails = [*emails, {"value": value, "type": "work", "primary": True}]
    resource["emails"] = emails


def add_primary_email(resource: dict[str, Any], value: str) -> None:
    """Add the address as the primary one, unless the user has it."""
    emails = resource.setdefault("emails", [])
    if not any(address_key(email.get("value", "")) == address_key(value) for email in emails):
        for email in emails:
            email.pop("primary", None)
        emails.append({"value": value, "type": "work", "primary": True})

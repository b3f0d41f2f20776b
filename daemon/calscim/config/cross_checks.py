"""What is wrong between values that are each right."""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from calscim.config.addresses import Inherited, Tcp, address
from calscim.config.model import Ops, Organization, Scim

Wrong: TypeAlias = tuple[str, str]  # a key, and what to write instead


def of_keys(section: str, keys: AbstractSet[str]) -> list[Wrong]:
    """Keys of one section that exclude or need each other, whatever their values are."""
    rules = _RULES.get(section)
    return [(f"{section}.{key}", message) for key, message in rules(keys)] if rules else []


def _database(keys: AbstractSet[str]) -> Iterable[Wrong]:
    dsn = bool(keys & {"dsn", "dsn_file"})
    if dsn and "embedded" in keys:
        yield "dsn", "and embedded are both given: leave one of them out"
    for key in ("migration_dsn", "operator_dsn", "listen_dsn"):
        if "embedded" in keys and keys & {key, f"{key}_file"}:
            yield key, "is of no use with embedded: leave it out"
    if not dsn and "embedded" not in keys:
        yield (
            "dsn",
            (
                'is missing: write dsn = "postgresql://user@host/database", '
                'or embedded = "./var/postgres" for the bundled Postgres'
            ),
        )


def _scim(keys: AbstractSet[str]) -> Iterable[Wrong]:
    if "tls_certificate_file" in keys and "tls_key_file" not in keys:
        yield "tls_key_file", "is missing: tls_certificate_file needs its key"
    if "tls_key_file" in keys and "tls_certificate_file" not in keys:
        yield "tls_certificate_file", "is missing: tls_key_file needs its certificate"


_RULES: dict[str, Callable[[AbstractSet[str]], Iterable[Wrong]]] = {
    "database": _database,
    "scim": _scim,
}


def of_values(parts: Mapping[str, Any]) -> list[Wrong]:
    """Values that exclude each other. ``parts``: the sections, None for one that was not understood."""
    scim, ops = parts["scim"], parts["ops"]
    listeners = list(_listeners(scim, ops)) if scim and ops else []
    return [*listeners, *_organizations(parts["organizations"])]


def _listeners(scim: Scim, ops: Ops) -> Iterable[Wrong]:
    at = address(scim.listen)
    may_be_shared = isinstance(at, Inherited) or (isinstance(at, Tcp) and at.port == 0)
    if at == address(ops.listen) and not may_be_shared:
        yield "ops.listen", f"is the same as scim.listen ({at}): give it another port"


def _organizations(organizations: Iterable[Organization]) -> Iterable[Wrong]:
    seen: dict[tuple[str, int], str] = {}
    for organization in organizations:
        target = (organization.api_url, organization.organization_id)
        first = seen.setdefault(target, organization.name)
        if first != organization.name:
            yield (
                f"organization.{organization.name}.organization_id",
                f"is {first}'s as well: two of them would undo each other's work, leave one out",
            )

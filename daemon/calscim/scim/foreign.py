"""Extensions that are stored without being understood: kept as they came, and changed by name."""

from typing import Any

from scim2_models.path import AttrPath, ValuePath

from calscim.errors import ScimError
from calscim.scim import payload
from calscim.scim.schema import ENTERPRISE_URN


def set_whole(resource: dict[str, Any], name: str, value: Any) -> None:
    """What is not named in the value stays; a value of None, or one that is empty, clears."""
    urn = stored(resource, name) or name
    if not value:
        resource.pop(urn, None)
        return
    if not isinstance(value, dict):
        raise ScimError(400, f"{name[:200]} takes an object", "invalidValue")
    resource[urn] = {**resource.get(urn, {}), **payload.kept(name, value)}


def set_part(resource: dict[str, Any], node: AttrPath | ValuePath, value: Any) -> bool:
    """One attribute of such an extension; False where none of that URN is stored, or it is understood."""
    if not isinstance(node, AttrPath) or node.uri is None or node.sub_attr is not None:
        return False
    urn = stored(resource, node.uri)
    if urn is None or urn == ENTERPRISE_URN:
        return False
    host = resource[urn]
    if node.attr.lower() == "password":
        return True
    name = next((key for key in host if key.lower() == node.attr.lower()), node.attr)
    if value is None or value in ("", []):
        host.pop(name, None)
    else:
        host[name] = payload.kept(name, value)
    if not host:
        del resource[urn]
    return True


def stored(resource: dict[str, Any], urn: str) -> str | None:
    """A stored extension by its URN in any case."""
    low = urn.lower()
    return next((key for key in resource if key.lower() == low and low.startswith("urn:")), None)


def copied(value: Any) -> Any:
    """JSON values only, at a fraction of what copy.deepcopy costs."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    return value

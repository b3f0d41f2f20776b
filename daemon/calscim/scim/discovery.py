"""What the service provider can do (RFC 7644 section 4), by scim2-server from scim2-models' schemas."""

from typing import Any

from aiohttp import web
from scim2_models import SCIMException
from scim2_server.service import ScimService

from calscim.errors import ScimError
from calscim.scim.request import Exchange
from calscim.scim.responses import value_response
from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, pagination, provider

ENDPOINTS = ("ServiceProviderConfig", "ResourceTypes", "Schemas")
_TRUTHS: dict[tuple[str, ...], dict[str, Any]] = {
    (GROUP_URN, "displayName"): {"uniqueness": "server"},
    (GROUP_URN, "members", "display"): {
        "mutability": "readOnly",
        "returned": "never",
        "description": "The member's name, to filter by.",
    },
    (ENTERPRISE_URN, "manager", "value"): {"required": False},
    (ENTERPRISE_URN, "manager", "$ref"): {"required": False},
}


class Discovery:
    def __init__(self, max_body_bytes: int) -> None:
        self._service = ScimService(provider(max_body_bytes))
        self._service.config.pagination = pagination()

    def answer(self, x: Exchange, endpoint: str, name: str | None) -> web.Response:
        """ScimError 404 for what there is none of, 403 for a filter."""
        url = f"{x.base}/{endpoint}" + (f"/{name}" if name else "")
        query = dict(x.query)
        try:
            with self._service.provider:
                found = self._found(endpoint, url, name, query)
        except SCIMException as error:
            raise ScimError(error.status or 400, error.detail or str(error)) from error
        if endpoint == "Schemas":
            _correct(found.body)
        return value_response(found.body, int(found.status), dict(found.headers))

    def _found(self, endpoint: str, url: str, name: str | None, query: dict[str, str]) -> Any:
        if endpoint == "ServiceProviderConfig":
            if name is not None:
                raise ScimError(404, f"there is no ServiceProviderConfig {name[:100]}")
            return self._service.service_provider_config(url, query)
        if endpoint == "ResourceTypes":
            if name is None:
                return self._service.resource_types(url, query)
            return self._service.resource_type(url, name, query)
        if name is None:
            return self._service.schemas(url, query)
        return self._service.schema(url, name, query)


def _correct(shown: Any) -> None:
    """Say of the attributes what holds here, where scim2-models says something else."""
    for schema in shown.get("Resources", [shown]):
        for (urn, *names), truth in _TRUTHS.items():
            if schema.get("id") == urn:
                found: dict[str, Any] = {"subAttributes": schema["attributes"]}
                for name in names:
                    found = next(one for one in found["subAttributes"] if one["name"] == name)
                found.update(truth)

"""The discovery endpoints (RFC 7644 section 4), by scim2-server from the schemas of scim2-models."""

from typing import Any

from aiohttp import web
from scim2_models import SCIMException
from scim2_server.service import ScimService

from calscim.errors import ScimError
from calscim.scim.request import RequestContext
from calscim.scim.responses import value_response
from calscim.scim.schema import ENTERPRISE_URN, GROUP_URN, USER_URN, pagination, provider

ENDPOINTS = ("ServiceProviderConfig", "ResourceTypes", "Schemas")
_CORRECTIONS: dict[tuple[str, ...], dict[str, Any]] = {
    (USER_URN,): {"description": "User Account"},  # RFC 7643 section 8.7.1
    (ENTERPRISE_URN,): {"description": "Enterprise User"},
    (GROUP_URN, "displayName"): {"uniqueness": "server"},
    (GROUP_URN, "members", "display"): {
        "mutability": "readOnly",
        "returned": "never",
        "description": "The name of the member, for filters.",
    },
    (ENTERPRISE_URN, "manager", "value"): {"required": False},
    (ENTERPRISE_URN, "manager", "$ref"): {"required": False},
}
# A common attribute, which is part of the schema of every resource (RFC 7643 section 3.1). Microsoft's validator looks
# for it among the attributes.
_EXTERNAL_ID = {
    "name": "externalId",
    "type": "string",
    "multiValued": False,
    "description": "The identifier of the resource at the identity provider.",
    "required": False,
    "caseExact": True,
    "mutability": "readWrite",
    "returned": "default",
    "uniqueness": "none",
}


class Discovery:
    """Answers ServiceProviderConfig, ResourceTypes and Schemas."""

    def __init__(self, max_body_bytes: int, *, announce_cursors: bool) -> None:
        self._service = ScimService(provider(max_body_bytes))
        if announce_cursors:
            self._service.config.pagination = pagination()

    def respond(self, ctx: RequestContext, endpoint: str, name: str | None) -> web.Response:
        """Return a resource or a list. Raise ScimError(404) if it does not exist, and ScimError(403) for a filter."""
        url = f"{ctx.base}/{endpoint}" + (f"/{name}" if name else "")
        query = dict(ctx.query)
        try:
            with self._service.provider:
                found = self._look_up(endpoint, url, name, query)
        except SCIMException as error:
            raise ScimError(error.status or 400, error.detail or str(error)) from error
        if endpoint == "Schemas":
            _correct(found.body)
        return value_response(found.body, int(found.status), dict(found.headers))

    def _look_up(self, endpoint: str, url: str, name: str | None, query: dict[str, str]) -> Any:
        if endpoint == "ServiceProviderConfig":
            if name is not None:
                raise ScimError(
                    404, f"there is no ServiceProviderConfig {name[:100]}: leave the name out"
                )
            return self._service.service_provider_config(url, query)
        if endpoint == "ResourceTypes":
            if name is None:
                return self._service.resource_types(url, query)
            return self._service.resource_type(url, name, query)
        if name is None:
            return self._service.schemas(url, query)
        return self._service.schema(url, name, query)


def _correct(schemas: Any) -> None:
    """Correct what scim2-models says otherwise about schemas and attributes."""
    for schema in schemas.get("Resources", [schemas]):
        if schema.get("id") in (USER_URN, GROUP_URN):
            schema["attributes"] = [_EXTERNAL_ID, *schema["attributes"]]
        for (urn, *names), correction in _CORRECTIONS.items():
            if schema.get("id") == urn:
                found: dict[str, Any] = schema
                for name in names:
                    parts = found["attributes" if found is schema else "subAttributes"]
                    found = next(part for part in parts if part["name"] == name)
                found.update(correction)

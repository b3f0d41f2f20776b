"""A storage of scim2-server on the tables of calscim, for the contract tests of scim2-server.

The storage uses the same tables, functions and filter compiler as the SCIM server, so that the contract tests
cover them.
"""

import uuid
from dataclasses import replace
from typing import Any

import orjson
from scim2_models import (
    InvalidCursorException,
    InvalidPathException,
    NotFoundException,
    PreconditionFailedException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    ScimProvider,
    SearchRequest,
    UniquenessException,
)
from scim2_server.storage import AsyncScimStorage, SearchPage

from calscim.directory import keyset_pages, resources
from calscim.directory.keyset_pages import Kind, Place, Stretch
from calscim.directory.resources import MemberChange, Page, Reader
from calscim.directory.writes import Written
from calscim.errors import ScimError
from calscim.journal.append import Origin
from calscim.postgres.pool import Database
from calscim.scim import decode, groups, users
from calscim.scim.changes import parse_id
from calscim.scim.filter.sort import compile_listing
from calscim.scim.paging.traverse import Position, read_page
from calscim.scim.schema import GROUP, USER, Type

_EVERYTHING = 2**31 - 1
_STATUS = {
    404: NotFoundException,
    409: UniquenessException,
    412: PreconditionFailedException,
}


class Storage(AsyncScimStorage):
    """The storage of one directory, used with one token. Each change is a transaction with its journal row.

    ``origin`` describes the request in the journal; each change replaces its body by the given resource.
    """

    supports_cursors = True

    def __init__(
        self, db: Database, provider: ScimProvider, reader: Reader, origin: Origin
    ) -> None:
        self._db = db
        self._provider = provider
        self._reader = reader
        self._origin = origin

    async def get(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        response_parameters: ResponseParameters[Any] | None = None,
    ) -> Resource[Any]:
        """Return a resource. Raise NotFoundException if there is none. Members are read if the request needs them."""
        number = _number(resource_id)
        if _kind(resource_type) is USER:
            found = await resources.user(self._db, self._reader, number)
        else:
            wanted = _wants_members(response_parameters)
            found = await resources.group(self._db, self._reader, number, members=wanted)
        if found is None:
            raise NotFoundException
        return self._resource(resource_type, found.body)

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        """Return a page of one list of several types. ``position``: from a SearchPage, for cursors."""
        if search_request.cursor is not None:
            return await self._walked(resource_types, search_request, position)
        offset = max(1, search_request.start_index or 1) - 1
        left = _EVERYTHING if search_request.count is None else search_request.count
        total = 0
        found: list[Resource[Any]] = []
        for resource_type in resource_types:
            other = _beside(resource_type, resource_types)
            page = await self._page(
                resource_type, search_request, max(0, offset - total), left, other
            )
            total += page.total
            left -= len(page.bodies)
            found += [self._resource(resource_type, body) for body in page.bodies]
        return SearchPage(total, found)

    async def _walked(
        self, resource_types: list[ResourceType], asked: SearchRequest[Any], position: Any
    ) -> SearchPage:
        by_name = {str(resource_type.name): resource_type for resource_type in resource_types}
        count = _EVERYTHING if asked.count is None else asked.count

        async def beside(name: str, place: Place | None, count: int, forward: bool) -> Stretch:
            kind = by_name[name]
            other = _beside(kind, resource_types)
            return await self._beside(kind, asked, place, count, other, forward=forward)

        try:
            start = None if position is None else Position.from_json(position)
            found = await read_page(tuple(by_name), start, count, beside)
        except ScimError as error:
            raise InvalidCursorException(detail=error.detail) from error
        return SearchPage(
            found.page.total,
            [
                self._resource(by_name[kind], body)
                for kind, body in zip(found.kinds, found.page.bodies, strict=True)
            ],
            next=None if found.after is None else found.after.to_json(),
            previous=None if found.before is None else found.before.to_json(),
        )

    async def _beside(
        self,
        resource_type: ResourceType,
        asked: SearchRequest[Any],
        place: Place | None,
        count: int,
        other: Type | None,
        *,
        forward: bool,
    ) -> Stretch:
        kind = _kind(resource_type)
        wanted = None if asked.filter is None else str(asked.filter)
        descending = asked.sort_order == SearchRequest.SortOrder.descending
        order = None if asked.sort_by is None else str(asked.sort_by)
        try:
            listing = compile_listing(kind, wanted, order, other, descending=descending)
        except ScimError as error:
            if error.scim_type == "invalidPath":
                raise InvalidPathException(detail=error.detail) from error
            return Stretch(Page(0, ()), more=False, first=None, last=None)
        table: Kind = "users" if kind is USER else "groups"
        return await keyset_pages.read_page(
            self._db, table, self._reader, listing, count, place=place, forward=forward
        )

    async def _page(
        self,
        resource_type: ResourceType,
        asked: SearchRequest[Any],
        offset: int,
        count: int,
        other: Type | None,
    ) -> Page:
        kind = _kind(resource_type)
        filter_text = None if asked.filter is None else str(asked.filter)
        sort_by = None if asked.sort_by is None else str(asked.sort_by)
        descending = asked.sort_order == SearchRequest.SortOrder.descending
        try:
            listing = compile_listing(kind, filter_text, sort_by, other, descending=descending)
        except ScimError as error:
            if error.scim_type == "invalidPath":
                raise InvalidPathException(detail=error.detail) from error
            return Page(0, ())  # the request was validated: another type has this attribute
        table: Kind = "users" if kind is USER else "groups"
        stretch = await keyset_pages.read_page(
            self._db, table, self._reader, listing, count, offset=offset
        )
        return stretch.page

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        """Create a resource. Raise UniquenessException if another one has the name, in any case."""
        body, origin = self._given(resource)
        number = uuid.uuid4()
        if _kind(resource_type) is USER:
            state = users.to_state(decode.user(body))
            written = await resources.create_user(
                self._db, origin, number, state, self._reader.base
            )
        else:
            group, ids = decode.group(body)
            change = groups.member_change([("add", ids or [])])
            written = await resources.create_group(
                self._db, origin, number, groups.to_state(group), change, self._reader.base
            )
        return self._settled(resource_type, written)

    async def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        """Change a resource. Raise PreconditionFailedException if its version is not the expected one."""
        number = _number(resource.id or "")
        version = _version(expected_version)
        body, origin = self._given(resource)
        if _kind(resource_type) is USER:
            state = users.to_state(decode.user(body, active=None))
            written = await resources.update_user(
                self._db, origin, number, state, self._reader.base, version
            )
        else:
            group, ids = decode.group(body)
            change: MemberChange = groups.member_change([("replace", ids or [])])
            written = await resources.update_group(
                self._db, origin, number, groups.to_state(group), change, self._reader.base, version
            )
        return self._settled(resource_type, written)

    async def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        """Delete a resource. Raise PreconditionFailedException if its version is not the expected one."""
        remove = resources.delete_user if _kind(resource_type) is USER else resources.delete_group
        written = await remove(
            self._db, self._origin, _number(resource_id), _version(expected_version)
        )
        _check(written)

    # ---------------------------------------------------------------- between the two forms

    def _given(self, resource: Resource[Any]) -> tuple[dict[str, Any], Origin]:
        body = resource.model_dump(mode="json", exclude_none=True)
        body.pop("password", None)
        return body, replace(self._origin, body=self._db.cipher.encrypt(orjson.dumps(body)))

    def _settled(self, resource_type: ResourceType, written: Written) -> Resource[Any]:
        _check(written)
        assert written.body is not None, "a change returned no resource"
        return self._resource(resource_type, written.body)

    def _resource(self, resource_type: ResourceType, body: str) -> Resource[Any]:
        """Return a resource without its location, which scim2-server adds."""
        value = orjson.loads(body)
        del value["meta"]["location"]
        model: Any = self._provider.model_for(resource_type)
        made: Resource[Any] = model.model_validate(value)
        return made


def _beside(resource_type: ResourceType, resource_types: list[ResourceType]) -> Type | None:
    """Return the other type of a list of both types."""
    return next((_kind(one) for one in resource_types if one.name != resource_type.name), None)


def _kind(resource_type: ResourceType) -> Type:
    return USER if resource_type.name == USER.name else GROUP


def _number(text: str) -> uuid.UUID:
    number = parse_id(text)
    if number is None:
        raise NotFoundException
    return number


def _version(tag: str | None) -> int | None:
    if tag is None:
        return None
    digits = tag.removeprefix("W/").strip('"')
    if not digits.isdecimal():
        raise PreconditionFailedException
    return int(digits)


def _wants_members(parameters: ResponseParameters[Any] | None) -> bool:
    if parameters is None:
        return True
    if parameters.attributes:
        return any(
            str(path).rpartition(":")[2].lower().startswith("members")
            for path in parameters.attributes
        )
    return not any(
        str(path).rpartition(":")[2].lower() == "members"
        for path in parameters.excluded_attributes or ()
    )


def _check(written: Written) -> None:
    if written.status >= 300:
        refusal = _STATUS.get(written.status, SCIMException)
        raise refusal

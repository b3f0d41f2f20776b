"""Imported users: people who are already in Cal.com, stored so that the identity provider's import finds them.

They are unmanaged until the provider writes to them. They get the new address of their account, and are deleted when
they leave Cal.com.
"""

import uuid

import orjson

from calscim.directory.resources import UserState, create_user, delete_user
from calscim.journal.append import Origin
from calscim.names import address_key, user_name_key
from calscim.planner.ids import DirectoryId, UserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql


async def import_user(
    db: Database,
    directory_id: DirectoryId,
    *,
    user_name: str,
    given_name: str,
    family_name: str,
    email: str,
    active: bool,
    request_id: str,
) -> UserId | None:
    """Store an unmanaged user. Return None if the directory has the name or the address already."""
    if await db.fetchval(
        sql("imported_users.exist"), directory_id, [user_name_key(user_name), address_key(email)]
    ):
        return None
    state = _state(user_name, given_name, family_name, email, active=active)
    origin = Origin(
        directory_id, request_id, kind="import", body=db.cipher.seal(state.data.encode())
    )
    user_id = uuid.uuid4()
    written = await create_user(db, origin, user_id, state, "", managed=False, source="cal.com")
    return UserId(str(user_id)) if written.status == 201 else None


async def update_address(
    db: Database,
    directory_id: DirectoryId,
    user_id: UserId,
    *,
    given_name: str,
    family_name: str,
    email: str,
    request_id: str,
) -> bool:
    """Give an imported user the account's new address. Return False if another user has it."""
    state = _state(email, given_name, family_name, email, active=True)
    status = await db.fetchval(
        sql("imported_users.update_address"),
        directory_id,
        request_id,
        db.cipher.seal(state.data.encode()),
        uuid.UUID(user_id),
        state.user_name,
        user_name_key(state.user_name),
        state.email,
        list(state.emails),
        state.data,
    )
    return bool(status != 409)


async def drop_imported(
    db: Database, directory_id: DirectoryId, user_id: UserId, *, request_id: str
) -> bool:
    """Delete a user who left Cal.com, unless the provider has written to the user meanwhile."""
    origin = Origin(directory_id, request_id, kind="import")
    written = await delete_user(db, origin, uuid.UUID(user_id), unmanaged=True)
    return written.status == 204


def _state(
    user_name: str, given_name: str, family_name: str, email: str, *, active: bool
) -> UserState:
    data = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": {"givenName": given_name, "familyName": family_name},
        "displayName": " ".join(dict.fromkeys((given_name, family_name))),
        "emails": [{"value": email, "type": "work", "primary": True}],
        "active": active,
    }
    return UserState(
        user_name, None, email, (address_key(email),), active, orjson.dumps(data).decode()
    )

"""Imported users: people who are already in Cal.com, stored so that the identity provider's import finds them.

They are unmanaged until the provider writes to them. They get the new address of their account, and are deleted when
they leave Cal.com.

An organization may have 50,000 members and ten directories, so each statement changes a batch of users. It locks the
journal of the directory as long as it runs, and SCIM requests of the directory wait for it.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import orjson

from calscim.directory.writes import write_all
from calscim.encryption import StoredBody
from calscim.journal.append import Origin
from calscim.names import address_key, user_name_key
from calscim.planner.ids import CalUserId, DirectoryId, UserId
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

BATCH_SIZE = 500  # users that one statement changes: at most 0.1 s

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """A member of the Cal.com organization, as directories store the person. The names are not empty."""

    id: CalUserId
    email: str
    given_name: str
    family_name: str

    @property
    def data(self) -> str:
        """Return the resource without id, meta and groups, as JSON."""
        data = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": self.email,
            "name": {"givenName": self.given_name, "familyName": self.family_name},
            "displayName": " ".join(dict.fromkeys((self.given_name, self.family_name))),
            "emails": [{"value": self.email, "type": "work", "primary": True}],
            "active": True,
        }
        return orjson.dumps(data).decode()


async def import_accounts(
    db: Database,
    organization: str,
    directory_id: DirectoryId,
    accounts: Sequence[Account],
    request_id: str,
) -> int:
    """Store unmanaged users and link them to their accounts; return how many.

    An account is left out if its address is the name or an address of a user of the directory.
    """
    imported = 0
    for batch in _batches(accounts):
        data = [account.data for account in batch]
        imported += await db.fetchval(
            sql("imported_users.import"),
            organization,
            directory_id,
            request_id,
            [uuid.uuid4() for _ in batch],
            [account.id for account in batch],
            [account.email for account in batch],
            [address_key(account.email) for account in batch],
            data,
            [_encrypt(db, text) for text in data],
        )
    return imported


async def follow_accounts(
    db: Database,
    directory_id: DirectoryId,
    accounts: Mapping[UserId, Account],
    request_id: str,
) -> int:
    """Give imported users the new addresses of their accounts; return how many changed.

    A user is deleted as a duplicate if another user has the address.
    """
    changed = 0
    for batch in _batches(list(accounts.items())):
        changes = []
        for user_id, account in batch:
            data = account.data
            origin = Origin(directory_id, request_id, kind="import", body=_encrypt(db, data))
            arguments = {
                "id": user_id,
                "user_name": account.email,
                "key": user_name_key(account.email),
                "data": orjson.Fragment(data),
            }
            changes.append((origin, arguments))
        written = await write_all(db, "user.follow", changes)
        changed += sum(one.seq is not None for one in written)
    return changed


async def drop_imported(
    db: Database, directory_id: DirectoryId, users: Sequence[UserId], request_id: str
) -> int:
    """Delete users who left Cal.com, unless the provider has written to them meanwhile; return how many."""
    origin = Origin(directory_id, request_id, kind="import")
    dropped = 0
    for batch in _batches(users):
        changes = [(origin, {"id": user_id, "unmanaged": True}) for user_id in batch]
        written = await write_all(db, "user.delete", changes)
        dropped += sum(one.seq is not None for one in written)
    return dropped


def _encrypt(db: Database, data: str) -> StoredBody:
    return db.cipher.encrypt(data.encode())


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), BATCH_SIZE):
        yield items[first : first + BATCH_SIZE]

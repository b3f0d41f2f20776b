"""Record approvals of held sets as rows of the organization's journal, in one transaction with the release.

The row has the path ``hold.approve``, the set's hash as its resource id, and the operator in ``remote``. calscim counts
approvals from these rows, so no second record can contradict them. With ``guards.approvals = 2``, the second person's
approval releases a set. Two approvals by one person count once, on whatever machine and with whatever account.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from calscim.errors import UsageError
from calscim.journal.audit import Editor
from calscim.postgres.pool import Connection, Database
from calscim.postgres.queries import sql

PATH = "hold.approve"
REJECTED = "hold.reject"
LONGEST_REASON = (
    1000  # characters: enough for a sentence and a link to a ticket; the row is permanent
)


@dataclass(frozen=True, slots=True)
class JournalRow:
    """The place of a row in the journal."""

    stream: str
    seq: int


@dataclass(frozen=True, slots=True)
class Approval:
    """The result of an approval. ``approved``: as many people as are needed approved the sets, so they are released.

    ``hash``: what the operator approved, a set or a whole plan. ``approved_by``: everyone who has approved the sets.
    """

    organization: str
    hash: str
    approved: bool
    approved_by: tuple[str, ...]
    needed: int
    journal: tuple[JournalRow, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejection of a held set. ``journal``: its row in the organization's journal."""

    organization: str
    hash: str
    rejected_by: str
    reason: str
    journal: JournalRow


async def approve(
    db: Database,
    editor: Editor,
    organization: str,
    hash_: str,
    hashes: Sequence[str],
    *,
    reason: str = "",
    needed: int = 1,
) -> Approval | None:
    """Approve all of these sets, which ``hash_`` stands for. Return None, and approve none, if one is no longer held.

    A set that enough people have already approved gets no further row. When all sets are released, ask the daemon for a
    full pass.
    """
    async with db.connection() as connection, connection.transaction():
        seqs: list[int] = []
        people: set[str] = set()
        released = True
        held = await _locked(connection, organization, hashes)
        if held is None:
            return None
        for set_hash, hold in held.items():
            approvers = await _people(connection, organization, set_hash)
            if editor.person not in approvers and not (
                hold["approved"] and needed <= len(approvers)
            ):
                approvers.add(editor.person)
                edit = {
                    "hash": set_hash,
                    "guard": hold["guard"],
                    "count": len(orjson.loads(hold["actions"])),
                    "actor": editor.by,
                    "reason": reason,
                    "approvals": len(approvers),
                    "needed": needed,
                }
                resource = ("Hold", set_hash)
                seqs.append(await editor.write(connection, organization, PATH, resource, edit))
            if len(approvers) >= needed:
                await connection.execute(sql("holds.approve"), organization, set_hash)
            else:
                released = False
            people |= approvers
        if released:
            await connection.execute(sql("sync_requests.request_once"), organization)
    rows = tuple(JournalRow(f"@{organization}", seq) for seq in seqs)
    return Approval(organization, hash_, released, tuple(sorted(people)), needed, rows)


async def reject(
    db: Database, editor: Editor, organization: str, hash_: str, *, reason: str = ""
) -> Rejection | None:
    """Record that an operator does not want a held set. Return None if it is not held. UsageError if it is approved.

    The set stays held until the groups change, or until an operator approves it. Notifications no longer remind of it.
    """
    check_reason(reason)
    async with db.connection() as connection, connection.transaction():
        held = await _locked(connection, organization, [hash_])
        if held is None:
            return None
        if held[hash_]["approved"]:
            raise UsageError(
                "this set is approved already, and the daemon carries it out: correct the groups at the identity "
                "provider if that is wrong"
            )
        edit = {
            "hash": hash_,
            "guard": held[hash_]["guard"],
            "count": len(orjson.loads(held[hash_]["actions"])),
            "actor": editor.by,
            "reason": reason,
        }
        seq = await editor.write(connection, organization, REJECTED, ("Hold", hash_), edit)
    by = editor.by.partition(" via ")[0]
    return Rejection(organization, hash_, by, reason, JournalRow(f"@{organization}", seq))


def check_reason(reason: str) -> None:
    """Raise UsageError if the reason is too long."""
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"the reason has more than {LONGEST_REASON} characters: shorten it")


async def _locked(
    connection: Connection, organization: str, hashes: Sequence[str]
) -> dict[str, asyncpg.Record] | None:
    """Lock the sets in canonical order, so that two operators cannot deadlock. Return None if one is not held."""
    found: dict[str, asyncpg.Record] = {}
    for hash_ in sorted(hashes):
        hold = await connection.fetchrow(sql("holds.lock"), organization, hash_)
        if hold is None:
            return None
        found[hash_] = hold
    return found


async def _people(connection: Connection, organization: str, hash_: str) -> set[str]:
    rows = await connection.fetch(sql("holds.list_approvers"), organization, hash_)
    return {row["person"] for row in rows}

"""Compare or rebuild directories from the journal, and list the members that a group had at a given time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from calscim.admin import names
from calscim.admin.directories import Directory
from calscim.errors import UsageError
from calscim.journal.audit import Editor
from calscim.journal.replay import rebuild
from calscim.journal.replay.apply import Tables
from calscim.names import group_key, spelling, user_name_key
from calscim.postgres.pool import Database


@dataclass(frozen=True, slots=True)
class PastMember:
    """A member of a group at a moment. ``since``: when the user became a member, through nested groups too."""

    user_id: str
    user_name: str
    email: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ComparedDirectory:
    """A directory as the journal has it. ``different``: rows of the tables that differ; ``differences``: the first."""

    id: str
    name: str
    users: int
    groups: int
    members: int
    different: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """The comparison of several directories. ``rebuilt``: the tables were written from the journal."""

    same: bool
    rebuilt: bool
    directories: tuple[ComparedDirectory, ...]

    @classmethod
    def of(cls, directories: Sequence[ComparedDirectory], *, rebuilt: bool) -> "RebuildResult":
        same = not any(one.different for one in directories)
        return cls(same, rebuilt, tuple(directories))


async def compare_directory(
    db: Database, directory: Directory, files: Sequence[Path] | None
) -> ComparedDirectory:
    """Compare the tables of the directory with its journal. Read-only. ``files``: verified archives."""
    return _view(directory, await rebuild.compare(db, directory, files))


async def rebuild_directory(
    db: Database, editor: Editor, directory: Directory, files: Sequence[Path] | None
) -> ComparedDirectory:
    """Write the tables of the directory from its journal, and return how they differed before."""
    return _view(directory, await rebuild.rebuild(db, editor, directory, files))


def _view(directory: Directory, compared: rebuild.Compared) -> ComparedDirectory:
    return ComparedDirectory(directory.id, directory.name, **asdict(compared))


async def past_members(
    db: Database,
    directory: Directory,
    group: str,
    at: datetime | None,
    files: Sequence[Path] | None = None,
) -> tuple[PastMember, ...]:
    """Return the members of a group at a moment, by userName; ``at`` None: now.

    Raise UsageError, with the similar names of that time, if the group did not exist then.
    """
    tables = await rebuild.as_of(db, directory.id, at, files)
    people = tables.people_of(_group(tables, directory, group, at))
    members = (PastMember(user, *tables.called(user), since) for user, since in people.items())
    return tuple(sorted(members, key=lambda member: user_name_key(member.user_name)))


def _group(tables: Tables, directory: Directory, wanted: str, at: datetime | None) -> str:
    """Return the group of that id, of that spelling, or of that name, ignoring case."""
    called = {key: group.display_name for key, group in tables.groups.items()}
    for found in (
        [key for key in called if key == wanted],
        [key for key, name in called.items() if spelling(name) == spelling(wanted)],
        [key for key, name in called.items() if group_key(name) == group_key(wanted)],
    ):
        if found:
            return found[0]
    then = f"at {at:%Y-%m-%d %H:%M:%S %Z}" if at else "now"
    otherwise = "see `calscim journal tail --group NAME` for its past names"
    raise UsageError(
        f"{directory.name} {then}: {names.missing('group', wanted, called.values(), otherwise)}"
    )

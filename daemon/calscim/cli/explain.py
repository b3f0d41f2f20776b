"""calscim explain: why a person is or is not on a team."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType

from calscim.admin.explain.explain import explain
from calscim.admin.explain.explanation import ExplainedEntry, Explanation, Membership
from calscim.admin.organizations import find_organization
from calscim.cli.command import Command
from calscim.cli.database import opened
from calscim.cli.output import fields, lines, table
from calscim.cli.verbs import Verbs

_LABELS = {"changed_seq": "journal", "seq": "journal", "cal_user_id": "Cal.com user"}


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "explain",
        _explain,
        details="Shows the desired and the observed role, the groups and mappings behind it, and the last actions, "
        "with their journal numbers.",
        examples=("calscim explain ann@acme.com", "calscim explain ann@acme.com Sales"),
    )
    parser.add_argument("person", metavar="PERSON", help="userName, e-mail address or id")
    parser.add_argument("team", metavar="TEAM", nargs="?", help="id, slug or name")
    parser.add_argument("--organization", metavar="ORG", help="needed if there are several")


async def _explain(command: Command) -> None:
    settings = command.settings()
    organization = find_organization(settings, command.arguments.organization)
    async with opened(settings) as db:
        found = await explain(
            db, settings, organization, command.arguments.person, command.arguments.team
        )
    command.output.data(found, render_explanation(found))


def render_explanation(found: Explanation) -> RenderableType:
    """Return the answer in one sentence, then the facts behind it as tables."""
    parts: list[RenderableType] = []
    if found.unreachable is not None:
        parts.append(lines(f"without Cal.com: {found.unreachable}", style="yellow"))
    if len(found.entries) > 1:
        parts += [lines(_sharing(found.entries)), lines(), _entries(found.entries), lines()]
    parts += [lines(found.because, style="bold"), _person(found)]
    for rows in (_teams(found), _attributes(found), _groups(found), _actions(found)):
        if rows is not None:
            parts += [lines(), rows]
    return Group(*parts)


def _person(found: Explanation) -> RenderableType:
    known = {name: text for name, text in asdict(found.person).items() if text is not None}
    return fields(
        [
            *((_LABELS.get(name, name.replace("_", " ")), text) for name, text in known.items()),
            ("wanted as", found.desired),
            ("in Cal.com as", found.observed),
        ]
    )


def _sharing(entries: Sequence[ExplainedEntry]) -> str:
    """Say which of the entries are one person."""
    said = [f"{len(entries)} entries have this name."]
    for entry in entries:
        if entry.decides and entry.shares_with:
            account = (
                "one account" if entry.account is None else f"the Cal.com user {entry.account}"
            )
            said.append(
                f"{len(entry.shares_with) + 1} of them share {account}: {entry.user_name} decides for it."
            )
    return " ".join(said)


def _entries(entries: Sequence[ExplainedEntry]) -> RenderableType:
    columns = ("entry", "id", "directory", "state", "Cal.com user#", "because")
    rows = (
        (one.user_name, one.id, one.directory, _state(one), one.account, one.because)
        for one in entries
    )
    return table(columns, rows)


def _state(entry: ExplainedEntry) -> str:
    if entry.seq is not None:
        return "deleted"
    return "active" if entry.active else "not active"


def _teams(found: Explanation) -> RenderableType | None:
    if not found.teams:
        return None
    columns = ("team", "wanted as", "in Cal.com as", "because")
    return table(
        columns, ((one.name, one.desired, one.observed, one.because) for one in found.teams)
    )


def _attributes(found: Explanation) -> RenderableType | None:
    if not found.attributes:
        return None
    return table(
        ("attribute", "from", "wanted", "in Cal.com", "because"),
        (
            (
                one.attribute,
                one.source,
                ", ".join(one.desired),
                None if one.observed is None else ", ".join(one.observed),
                one.because,
            )
            for one in found.attributes
        ),
    )


def _groups(found: Explanation) -> RenderableType | None:
    """Return the mapped groups, then the groups that are mapped to nothing or to another team."""
    if not found.sources and not found.groups:
        return None
    rows: list[tuple[Any, ...]] = [
        (
            _owned(found, one.group, one.user_id),
            one.team,
            one.role,
            one.mode,
            one.member_since_seq,
            one.left_seq,
            one.unmapped_seq,
        )
        for one in found.sources
    ]
    mapped = {(one.group_id, one.user_id) for one in found.sources}
    rows += [
        (
            _owned(found, one.group, one.user_id),
            _mapped_to(one),
            None,
            None,
            one.member_since_seq,
            None,
            None,
        )
        for one in found.groups
        if (one.group_id, one.user_id) not in mapped
    ]
    return table(("group", "team", "role", "mode", "member since#", "left#", "unmapped#"), rows)


def _owned(found: Explanation, group: str, user_id: str) -> str:
    """Return a group's name, with the entry that is in it if several entries are shown."""
    live = {one.id: one.user_name for one in found.entries if one.seq is None}
    owner = live.get(user_id) if len(live) > 1 else None
    return group if owner is None else f"{group} ({owner})"


def _mapped_to(group: Membership) -> str:
    if group.mappings:
        return ", ".join(dict.fromkeys(one.team for one in group.mappings))
    return "; ".join(("not mapped", *_near(group)))


def _near(group: Membership) -> Iterator[str]:
    for one in group.near:
        yield f"mapping {one.id} to {one.team} waits for {one.group!r}"


def _actions(found: Explanation) -> RenderableType | None:
    if not found.actions:
        return None
    columns = ("when", "action", "team", "outcome", "journal#", "because")
    rows = (
        (one.begun_at, one.kind, one.team or one.team_id, one.outcome, one.seq, one.because)
        for one in found.actions
    )
    return table(columns, rows)

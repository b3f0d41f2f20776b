"""calscim explain: why a person is or is not on a team."""

from typing import Any

from rich.console import Group, RenderableType

from calscim.admin.explain import explain as explaining
from calscim.cli.call import Call
from calscim.cli.chosen import the_organization
from calscim.cli.database import opened
from calscim.cli.output import fields, lines, table
from calscim.cli.verbs import Verbs

_LABELS = {"changed_seq": "journal", "seq": "journal", "cal_user_id": "Cal.com user"}


def register(verbs: Verbs) -> None:
    explain = verbs.add("explain", _explain)
    explain.add_argument("person", metavar="PERSON", help="userName, e-mail address or id")
    explain.add_argument("team", metavar="TEAM", nargs="?", help="id, slug or name")
    explain.add_argument("--organization", metavar="ORG", help="may be left out where there is one")


async def _explain(call: Call) -> None:
    settings = call.settings()
    organization = the_organization(settings, call.arguments.organization)
    async with opened(settings) as db:
        value = await explaining.explain(
            db, settings, organization, call.arguments.person, call.arguments.team
        )
    call.output.data(value, _shown_explanation(value))


def _shown_explanation(value: dict[str, Any]) -> RenderableType:
    away = value["away"]
    parts: list[RenderableType] = [
        *([] if away is None else [lines(f"without Cal.com: {away}", style="yellow")]),
        *_shared(value),
        lines(value["because"], style="bold"),
        fields(
            [
                *(
                    (_LABELS.get(name, name.replace("_", " ")), text)
                    for name, text in value["person"].items()
                ),
                ("wanted as", value["desired"]),
                ("in Cal.com as", value["observed"]),
            ]
        ),
    ]
    if value["teams"]:
        columns = ("team", "wanted as", "in Cal.com as", "because")
        rows = (
            (one["name"], one["desired"], one["observed"], one["because"]) for one in value["teams"]
        )
        parts += [lines(), table(columns, rows)]
    if value["attributes"]:
        titles = ("attribute", "from", "wanted", "in Cal.com", "because")
        attributes = (
            (
                one["attribute"],
                one["from"],
                ", ".join(one["desired"]),
                None if one["observed"] is None else ", ".join(one["observed"]),
                one["because"],
            )
            for one in value["attributes"]
        )
        parts += [lines(), table(titles, attributes)]
    if value["sources"] or value["groups"]:
        headings = ("group", "team", "role", "mode", "member since#", "left#", "unmapped#")
        sources = (
            (
                _group(value, one),
                one["team"],
                one["role"],
                one["mode"],
                one["member_since_seq"],
                one["left_seq"],
                one["unmapped_seq"],
            )
            for one in value["sources"]
        )
        parts += [lines(), table(headings, [*sources, *_other_groups(value)])]
    if value["actions"]:
        named = ("when", "action", "team", "outcome", "journal#", "because")
        actions = (
            (
                one["begun_at"],
                one["kind"],
                one["team"] or one["team_id"],
                one["outcome"],
                one["seq"],
                one["because"],
            )
            for one in value["actions"]
        )
        parts += [lines(), table(named, actions)]
    return Group(*parts)


def _shared(value: dict[str, Any]) -> list[RenderableType]:
    """All entries that were meant, where it is more than one."""
    entries = value["entries"]
    if len(entries) < 2:
        return []
    rows = (
        (
            one["user_name"],
            one["id"],
            one["directory"],
            _state(one),
            one["account"],
            one["because"],
        )
        for one in entries
    )
    columns = ("entry", "id", "directory", "state", "Cal.com user#", "because")
    return [lines(_sharing(entries)), lines(), table(columns, rows), lines()]


def _sharing(entries: list[dict[str, Any]]) -> str:
    """Which of the entries are one person."""
    said = [f"{len(entries)} entries go by this name."]
    for one in entries:
        if one["decides"] and one["shares_with"]:
            account = (
                "one account" if one["account"] is None else f"the Cal.com user {one['account']}"
            )
            said.append(
                f"{len(one['shares_with']) + 1} of them share {account}: {one['user_name']} decides for it."
            )
    return " ".join(said)


def _state(entry: dict[str, Any]) -> str:
    if "seq" in entry:
        return "deleted"
    return "active" if entry["active"] else "not active"


def _other_groups(value: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Groups that are mapped to nothing, or to another team than was asked about."""
    shown = {(one["group_id"], one["user_id"]) for one in value["sources"]}
    return [
        (_group(value, one), _mapped_to(one), None, None, one["member_since_seq"], None, None)
        for one in value["groups"]
        if (one["group_id"], one["user_id"]) not in shown
    ]


def _group(value: dict[str, Any], row: dict[str, Any]) -> str:
    """A group, with whose it is where several entries are shown."""
    live = {one["id"]: one["user_name"] for one in value["entries"] if "seq" not in one}
    owner = live.get(row["user_id"]) if len(live) > 1 else None
    return row["group"] if owner is None else f"{row['group']} ({owner})"


def _mapped_to(group: dict[str, Any]) -> str:
    if group["mappings"]:
        return ", ".join(dict.fromkeys(one["team"] for one in group["mappings"]))
    near = [
        f"mapping {one['id']} to {one['team']} waits for {one['group']!r}" for one in group["near"]
    ]
    return "; ".join(("not mapped", *near))

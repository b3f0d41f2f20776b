"""Mapping: a row for each team with its groups, "Add group name", and a preview before anything is saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from calscim import admin
from calscim.admin import Draft, MappingEdits, MappingRow, TeamRef
from calscim.admin.groups import group_sizes
from calscim.admin.mapping_file import apply_edits, edits, read_text, to_toml
from calscim.admin.plan_preview import Inspection
from calscim.admin.teams import ORGANIZATION, resolve, resolve_or_new
from calscim.admin.waiting_mappings import waiting_mappings
from calscim.config import Organization
from calscim.console.errors import ConflictError, NotFoundError
from calscim.console.forms import chosen, directory_of, needed, number, organization_of, posted
from calscim.console.rendering import page, redirect
from calscim.console.services import services, session
from calscim.errors import UsageError
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Team
from calscim.planner.roles import Role

routes = web.RouteTableDef()

PER_PAGE = 500  # teams
COMPLETED = 500  # names of groups that the form completes
NEW = "new"  # the row of a team that calscim is to create
MODES = {
    Mode.MANAGED: "managed: add, and remove what calscim added",
    Mode.ADD_ONLY: "add-only: never remove",
    Mode.EXCLUSIVE: "exclusive: the team has exactly the members of its groups",
    Mode.OBSERVE: "observe: report only",
}


@dataclass(frozen=True, slots=True)
class TeamLine:
    """A row of the table: ``key`` is a team's id, ``@organization``, or ``new``."""

    key: str
    name: str
    slug: str | None
    mappings: tuple[MappingRow, ...]
    is_known: bool = True  # Cal.com has it


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving would do, and warnings."""

    inspection: Inspection
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Editing:
    """The form that is open. ``mapping``: the saved mapping that it changes; None for a new one."""

    team: str
    form: dict[str, str] = field(default_factory=dict)
    mapping: MappingRow | None = None
    preview: Preview | None = None
    problem: str | None = None


@routes.get("/mapping")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the table; ``add`` opens the form of a team, ``change`` that of a mapping."""
    editing = None
    if team := request.query.get("add"):
        editing = Editing(team, {"role": Role.MEMBER.value, "mode": Mode.MANAGED.value})
    elif "change" in request.query:
        row = await _saved(request, request.query, "change")
        editing = Editing(_key(row), {"role": row.role.value, "mode": row.mode.value}, row)
    return await _table(request, editing)


@routes.post("/mapping/preview")
async def preview(request: web.Request) -> web.StreamResponse:
    """Show what a mapping would do, without saving it."""
    form = await posted(request)
    editing = await _editing(request, form)
    try:
        organization, pending, warnings = await _pending(request, form, editing)
        known = services(request)
        found = await known.reads.inspect(organization, pending)
    except UsageError as error:
        return await _table(request, replace(editing, problem=str(error)))
    return await _table(request, replace(editing, preview=Preview(found, warnings)))


@routes.post("/mapping/save")
async def save(request: web.Request) -> web.StreamResponse:
    """Save a mapping, its change or its removal."""
    form = await posted(request)
    editing = await _editing(request, form)
    known = services(request)
    editor = known.editors.of(session(request))
    try:
        organization, pending, _ = await _pending(request, form, editing)
        await apply_edits(known.db, editor, pending)
    except UsageError as error:
        return await _table(request, replace(editing, problem=str(error)))
    known.teams.forget(organization.name)
    return redirect(f"/mapping?organization={organization.name}")


@routes.get("/mapping/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Answer with all mappings as TOML, as `calscim mapping export` writes them."""
    text = to_toml(await admin.mappings(services(request).db))
    headers = {"Content-Disposition": 'attachment; filename="mappings.toml"'}
    return web.Response(text=text, content_type="application/toml", headers=headers)


@routes.post("/mapping/import")
async def import_file(request: web.Request) -> web.StreamResponse:
    """Show what would make the saved mappings those of a file; save it if that was confirmed."""
    known, fields = services(request), await request.post()
    uploaded = fields.get("file")
    text = fields.get("text")
    if isinstance(uploaded, web.FileField) and uploaded.filename:
        text = uploaded.file.read().decode("utf-8", "replace")
    if not isinstance(text, str) or not text.strip():
        raise UsageError("choose a file that `calscim mapping export` or Export wrote")
    present = await admin.mappings(known.db)
    pending = await edits(known.settings, known.db, read_text(text, "the file"), present)
    if "confirmed" in fields:
        _check_unchanged(str(fields["seen"]), present)
        await apply_edits(known.db, known.editors.of(session(request)), pending)
        return redirect("/mapping")
    return page(
        request,
        "mapping_import.html",
        edits=pending,
        text=text,
        seen=_fingerprint(present),
    )


def _fingerprint(rows: list[MappingRow]) -> str:
    return f"{len(rows)}/{max((row.seq for row in rows), default=0)}"


def _check_unchanged(seen: str, rows: list[MappingRow]) -> None:
    if seen != _fingerprint(rows):
        raise ConflictError(
            "Another person has changed mappings in the meantime. Nothing was saved. Import the file again."
        )


async def _editing(request: web.Request, form: dict[str, str]) -> Editing:
    row = await _saved(request, form, "mapping") if form.get("mapping") else None
    if row is not None and number(form, "seen") != row.seq:
        raise ConflictError(
            f"Another person has changed the mapping of {row.group} to {row.team_name} in the meantime. Nothing was "
            "saved. Go back to Mapping, look at it, and begin again."
        )
    team = _key(row) if row is not None else needed(form, "team", "The team")
    return Editing(team, form, row)


async def _pending(
    request: web.Request, form: dict[str, str], editing: Editing
) -> tuple[Organization, MappingEdits, list[str]]:
    """Return what the form asks for, with warnings. Raise UsageError if it cannot be saved."""
    known, row = services(request), editing.mapping
    if row is not None:
        organization = organization_of(request, row.organization)
        if "remove" in form:
            return organization, MappingEdits(remove=(row,)), []
        directory = await admin.find_directory(known.db, row.directory_id)
        changed = _draft(form, directory, row.group_name, row.team)
        return organization, MappingEdits(change=((row, changed),)), []
    organization = organization_of(request, form.get("organization"))
    directory = await directory_of(request, form, organization.name)
    team, note = await _team(request, organization, editing.team, form)
    drafted = _draft(form, directory, needed(form, "group", "Group name"), team)
    warnings = await admin.preview_mapping(known.db, drafted)
    return organization, MappingEdits(add=(drafted,)), [*([note] if note else []), *warnings]


def _draft(form: dict[str, str], directory: admin.Directory, group: str, team: TeamRef) -> Draft:
    return admin.draft(
        directory,
        group=group,
        team=team,
        role=chosen(form, "role", "Role", Role),
        mode=chosen(form, "mode", "Mode", Mode),
    )


async def _team(
    request: web.Request, organization: Organization, key: str, form: dict[str, str]
) -> tuple[TeamRef, str | None]:
    if key == ORGANIZATION:
        return TeamRef(None, organization.name), None
    teams = (await services(request).teams.of(organization)).teams
    if key == NEW:
        return resolve_or_new(teams, needed(form, "team_name", "Team name"))
    return resolve(teams, organization, key), None


async def _saved(request: web.Request, fields: Mapping[str, str], name: str) -> MappingRow:
    try:
        return await admin.find_mapping(services(request).db, number(fields, name))
    except UsageError:
        raise NotFoundError(
            "There is no such mapping, or another person has removed it. Go back to Mapping."
        ) from None


async def _table(request: web.Request, editing: Editing | None) -> web.StreamResponse:
    known = services(request)
    if not known.settings.organizations:
        raise UsageError(
            "no organization is configured: add an [[organization]] table to the configuration"
        )
    wanted = None
    if editing is not None:
        wanted = (
            editing.mapping.organization if editing.mapping else editing.form.get("organization")
        )
    organization = organization_of(request, wanted or request.query.get("organization"))
    teams = await known.teams.of(organization)
    rows = await admin.mappings(known.db, organization=organization.name)
    lines = _lines(organization, list(teams.teams.values()), rows)
    search = request.query.get("q", "").strip().casefold()
    shown = [one for one in lines if _matches(one, search)]
    at = next((i for i, one in enumerate(shown) if editing and one.key == editing.team), None)
    number = _page(request) if at is None else at // PER_PAGE + 1  # the page with the open form
    first = (number - 1) * PER_PAGE
    groups = []
    if editing is not None:  # names to complete
        groups = await group_sizes(known.db, organization.name, COMPLETED)
    return page(
        request,
        "mapping.html",
        status=200 if editing is None or editing.problem is None else 400,
        organization=organization.name,
        organizations=[one.name for one in known.settings.organizations],
        directories=await admin.directories(known.db, organization.name),
        lines=shown[first : first + PER_PAGE],
        total=len(shown),
        number=number,
        pages=-(-len(shown) // PER_PAGE) or 1,
        search=request.query.get("q", ""),
        groups=groups,
        near={
            one.id: one.near
            for one in (
                await waiting_mappings(known.db, organization.name)
                if any(row.state == "waiting" for row in rows)
                else ()
            )
        },
        problem=teams.problem,
        editing=editing,
        has_form=at is not None or (editing is not None and editing.team == NEW),
        roles=[one.value for one in Role],
        modes={one.value: text for one, text in MODES.items()},
    )


def _page(request: web.Request) -> int:
    text = request.query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _matches(line: TeamLine, search: str) -> bool:
    names = [line.name, line.slug or "", *(row.group for row in line.mappings)]
    return not search or any(search in name.casefold() for name in names)


def _key(row: MappingRow) -> str:
    if row.create_team:
        return f"{NEW}:{row.team_name}"
    return ORGANIZATION if row.team_id is None else str(row.team_id)


def _lines(organization: Organization, teams: list[Team], rows: list[MappingRow]) -> list[TeamLine]:
    """Return the organization itself, its teams by name, teams to be created, and teams that Cal.com lacks."""
    by_team: dict[str, list[MappingRow]] = {}
    for row in rows:
        by_team.setdefault(_key(row), []).append(row)
    lines = [TeamLine(ORGANIZATION, organization.name, None, tuple(by_team.pop(ORGANIZATION, ())))]
    for team in sorted(teams, key=lambda one: (one.name.casefold(), one.id)):
        mapped = tuple(by_team.pop(str(team.id), ()))
        lines.append(TeamLine(str(team.id), team.name, team.slug, mapped))
    for key, mapped_rows in by_team.items():
        is_new = key.startswith(f"{NEW}:")
        lines.append(
            TeamLine(key, mapped_rows[0].team_name, None, tuple(mapped_rows), is_known=is_new)
        )
    return lines

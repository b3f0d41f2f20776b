"""Directories: create one, show what Okta needs, watch its test call arrive; tokens, pause, delete."""

from aiohttp import web

from calscim import admin
from calscim.admin import Directory
from calscim.admin.console_access import ConsoleRole
from calscim.admin.directory_views import base_url
from calscim.admin.provider_steps import provider_steps
from calscim.console.errors import NotFoundError
from calscim.console.forms import needed, number, organization_of, posted
from calscim.console.rendering import page, redirect
from calscim.console.security import requires
from calscim.console.services import Services, services, session
from calscim.errors import UsageError

routes = web.RouteTableDef()

# Cal.com's names for what `directory create --provider` takes.
PROVIDERS = {
    "okta-scim-v2": "Okta SCIM v2.0",
    "azure-scim-v2": "Azure SCIM v2.0 (Microsoft Entra ID)",
    "onelogin-scim-v2": "OneLogin SCIM v2.0",
    "jumpcloud-scim-v2": "JumpCloud v2.0",
    "generic-scim-v2": "SCIM v2.0",
}
DURATIONS = {
    "": "until it is resumed",
    "3600": "for 1 hour",
    "14400": "for 4 hours",
    "86400": "for 1 day",
}
OVERLAP = 24 * 3600.0  # seconds that a rotated token stays valid


@routes.get("/directories")
async def show_all(request: web.Request) -> web.StreamResponse:
    """Show the directories, and the form for a new one."""
    return await _all(request, {})


@routes.post("/directories")
@requires(ConsoleRole.ADMIN)
async def create(request: web.Request) -> web.StreamResponse:
    """Create a directory with its first token, and show both once."""
    known, form = services(request), await posted(request)
    try:
        organization = organization_of(request, form.get("organization"))
        name = needed(form, "name", "Directory name")
        provider = needed(form, "provider", "Directory provider")
        editor = known.editors.of(session(request))
        made = await admin.create_directory(
            known.db,
            editor,
            organization=organization.name,
            name=name,
            provider=provider,
            paused="paused" in form,
        )
    except UsageError as error:
        return await _all(request, form, problem=str(error))
    _, token = await admin.create_token(
        known.db, editor, made, name="first", seconds=known.settings.tokens.lifetime
    )
    return await _one(request, made, token=token)


@routes.get("/directories/{id}")
async def show(request: web.Request) -> web.StreamResponse:
    """Show one directory: what to enter at the identity provider, tokens, and its last requests."""
    return await _one(request, await _found(request))


@routes.post("/directories/{id}/rotate")
@requires(ConsoleRole.ADMIN)
async def rotate(request: web.Request) -> web.StreamResponse:
    """Replace a token; the old one stays valid for a day."""
    known, directory, form = services(request), await _found(request), await posted(request)
    old = await admin.token_to_rotate(known.db, directory, str(number(form, "token")))
    _, token, ends = await admin.rotate_token(
        known.db,
        known.editors.of(session(request)),
        directory,
        old,
        overlap=OVERLAP,
        seconds=old.lifetime or known.settings.tokens.lifetime,
    )
    return await _one(request, directory, token=token, replaced_until=ends)


@routes.post("/directories/{id}/revoke")
@requires(ConsoleRole.ADMIN)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke a token."""
    known, directory, form = services(request), await _found(request), await posted(request)
    token = await admin.find_token(known.db, str(number(form, "token")), directory)
    await admin.revoke_token(known.db, known.editors.of(session(request)), token)
    return _back(directory)


@routes.post("/directories/{id}/pause")
async def pause(request: web.Request) -> web.StreamResponse:
    """Stop changing Cal.com for a time; pushed changes are still accepted."""
    known, directory, form = services(request), await _found(request), await posted(request)
    seconds = form.get("seconds", "")
    if seconds not in DURATIONS:
        raise UsageError("choose how long the pause lasts")
    await admin.pause(
        known.db,
        known.editors.of(session(request)),
        organization=directory.organization,
        scope="directory",
        target=directory.id,
        seconds=float(seconds) if seconds else None,
    )
    return _back(directory)


@routes.post("/directories/{id}/resume")
async def resume(request: web.Request) -> web.StreamResponse:
    """End a pause."""
    known, directory = services(request), await _found(request)
    await admin.resume(
        known.db,
        known.editors.of(session(request)),
        organization=directory.organization,
        scope="directory",
        target=directory.id,
    )
    return _back(directory)


@routes.post("/directories/{id}/delete")
@requires(ConsoleRole.ADMIN)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the directory if the person typed its name."""
    known, directory, form = services(request), await _found(request), await posted(request)
    if form.get("name") != directory.name:
        raise UsageError(
            f"the name does not match: type {directory.name} to delete the directory; nothing was deleted"
        )
    await admin.delete_directory(known.db, known.editors.of(session(request)), directory)
    return redirect("/directories")


async def _all(
    request: web.Request, form: dict[str, str], problem: str | None = None
) -> web.StreamResponse:
    known = services(request)
    return page(
        request,
        "directories.html",
        status=200 if problem is None else 400,
        directories=await admin.directories(known.db),
        organizations=[one.name for one in known.settings.organizations],
        providers=PROVIDERS,
        form=form,
        problem=problem,
    )


async def _one(
    request: web.Request,
    directory: Directory,
    token: str | None = None,
    replaced_until: object = None,
) -> web.StreamResponse:
    known = services(request)
    every = await admin.tokens(known.db, directory)
    used = [one.last_used_at for one in every if one.last_used_at is not None]
    return page(
        request,
        "directory.html",
        directory=directory,
        base_url=base_url(known.settings, directory.id),
        token=token,
        replaced_until=replaced_until,
        tokens=every,
        last_request=max(used, default=None),
        durations=DURATIONS,
        provider=PROVIDERS.get(directory.provider, directory.provider),
        steps=provider_steps(directory.provider),
    )


async def _found(request: web.Request) -> Directory:
    known: Services = services(request)
    wanted = request.match_info["id"]
    for one in await admin.directories(known.db):
        if one.id == wanted:
            return one
    raise NotFoundError("There is no such directory, or it was deleted.")


def _back(directory: Directory) -> web.StreamResponse:
    return redirect(f"/directories/{directory.id}")

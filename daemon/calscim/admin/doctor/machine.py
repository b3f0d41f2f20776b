"""What this machine shows: permissions of files, free space, and variables that name a proxy."""

import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from calscim.admin.doctor.finding import Finding, ok, warning
from calscim.config import Settings
from calscim.config.hazards import is_exposed
from calscim.wording import counted

_LEAST_SPACE = 1024**3  # bytes: a day of a busy journal, and room for Postgres to work
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


def examine_machine(
    settings: Settings,
    configuration: Path | None,
    secret_files: Iterable[Path],
    environ: Mapping[str, str],
) -> Iterator[Finding]:
    """Yield the findings."""
    yield from _permissions(configuration, secret_files)
    yield from _space(settings)
    yield from _proxies(settings, environ)


def _permissions(configuration: Path | None, secret_files: Iterable[Path]) -> Iterator[Finding]:
    paths = list(dict.fromkeys(secret_files))
    open_ones = [path for path in paths if is_exposed(path)]
    for path in open_ones:
        yield warning(
            "permissions",
            f"every user of this machine can read {path}, which contains a secret",
            f"chmod o= {path}",
        )
    if configuration is not None and _mode(configuration) & 0o002:
        yield warning(
            "permissions",
            f"every user of this machine can change {configuration}",
            f"chmod o-w {configuration}",
        )
    elif not open_ones:
        yield ok("permissions", f"{counted(len(paths), 'secret file')}, closed to other users")


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _space(settings: Settings) -> Iterator[Finding]:
    folders = [settings.database.embedded, settings.journal.checkpoint_file]
    for folder in filter(None, folders):
        place = next(one for one in (folder, *folder.parents) if one.exists())
        free = shutil.disk_usage(place).free
        detail = f"{free / 1024**3:,.1f} GiB free for {folder}"
        if free < _LEAST_SPACE:
            yield warning(
                "disk space",
                detail,
                "free space, or archive old months with `calscim journal archive`",
            )
        else:
            yield ok("disk space", detail)


def _proxies(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    named = [name for name in _PROXIES if environ.get(name) or environ.get(name.lower())]
    if not named:
        return
    is_set = f"{' and '.join(named)} is set"
    yield warning(
        "proxy",
        f"{is_set}, and calscim does not use it: it calls Cal.com directly",
        "allow direct connections to the addresses in organization.*.api_url, or route them in the network",
    )
    if diverted := [one.name for one in settings.channels if one.url is not None]:
        yield warning(
            "proxy of notifications",
            f"{is_set}, and notifications to {', '.join(diverted)} go through it if the daemon has it too",
            f"try `calscim notify test {diverted[0]}`, or add the service to NO_PROXY",
        )

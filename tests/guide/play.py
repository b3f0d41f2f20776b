"""Play one case of the guide and record what an operator sees.

Okta pushes over HTTP, the verbs run as on the command line, the passes are the daemon's, and Cal.com is simulated.
"""

import asyncio
import io
import shlex
import textwrap
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import structlog

from calscim.cli import main
from calscim.clock import SystemClock
from calscim.config import load
from calscim.postgres.pool import Database
from calscim.reconciler.state import leases, passes
from calscim.testing.calcom.calcom import Simulation, World
from calscim.testing.okta.client import Okta
from tests.guide.stable import NINE, Stable
from tests.support.stage import KEY, Stage, staged

HOLDER = "sidecar/812/6cc78d9b"
DIRECTORY = "1lsbjhjymwbesg2hu550i77h"
TOKEN = "zT3-kMWbqv0YtJc9uXo7RrNeQ5hLdAgS1fPiUy8Vw2E"
SHOWN_URL = "https://api.cal.com"


def address(name: str) -> str:
    return f"{name}@acme.example"


def enumeration(names: Sequence[str]) -> str:
    """Return the names as in a sentence: "ann", "ann and bob", "ann, bob, and cem"."""
    if len(names) < 3:
        return " and ".join(names)
    return f"{', '.join(names[:-1])}, and {names[-1]}"


def addresses(*names: str) -> list[str]:
    return [address(name) for name in names]


class _Shown(io.StringIO):
    """A stream that also writes to the screen, on which output and messages meet."""

    def __init__(self, screen: io.StringIO) -> None:
        super().__init__()
        self._screen = screen

    def write(self, text: str) -> int:
        self._screen.write(text)
        return super().write(text)


class Play:
    """One case on its own stage. ``text`` is its record in Markdown."""

    def __init__(self, stage: Stage, dsn: str, folder: Path) -> None:
        self.stage = stage
        self._dsn = dsn
        self._file = folder / "calscim.toml"
        self._names = {
            stage.directory.id: DIRECTORY,
            stage.organization.api_url: SHOWN_URL,
        }
        self._stable = Stable(self._names, lambda: datetime.now(UTC))
        self._parts: list[str] = []
        self._shell: list[str] = []
        self._printed = ""
        self._configure("", "")

    @property
    def okta(self) -> Okta:
        return self.stage.okta

    @property
    def world(self) -> World:
        """Cal.com, for edits by hand."""
        return self.stage.world

    @property
    def simulation(self) -> Simulation:
        return self.stage.simulation

    @property
    def text(self) -> str:
        self._close()
        return "\n\n".join(self._parts)

    # ---------------------------------------------------------------- recording

    def say(self, *sentences: str) -> None:
        """Add a paragraph between the blocks."""
        self._close()
        self._parts.append(textwrap.fill(" ".join(sentences), 120))

    def configure(self, toml: str, *, organization: str = "") -> None:
        """Add lines to the configuration file and show them. ``organization``: lines for the organization's table."""
        self._close()
        shown = [toml.strip()] if toml else []
        if organization:
            shown.append(f'[[organization]]\nname = "acme"  # ... its other keys\n{organization}')
        self._parts.append("```toml\n" + "\n\n".join(shown) + "\n```")
        self._configure(toml, organization)

    async def calscim(self, line: str, *, quiet: bool = False) -> str:
        """Run a verb, show it with its output, and return the output. ``quiet``: show only the warnings."""
        await self._keep_the_lease()
        code, out, err, screen = await asyncio.to_thread(self._run, line)
        self._printed = out
        self._shell.append(f"$ calscim {line}")
        shown = (err if quiet else screen).splitlines()
        self._shell += [line.rstrip() for line in shown if not line.endswith("…")]
        if code:
            self._shell.append(f"# exit code {code}")
        return out

    async def sync(self) -> None:
        """Run ``calscim sync`` and the daemon's full pass that it asks for."""
        await self._keep_the_lease()
        earlier = await passes.list_requests(self.stage.db, "acme")  # as by `calscim approve`
        verb = asyncio.ensure_future(self.calscim("sync"))
        requests = earlier
        while not verb.done() and requests == earlier:
            requests = await passes.list_requests(self.stage.db, "acme")
        await self.stage.reconciler.run_full(lambda: False, requests)
        await verb

    async def run_quietly(self, line: str) -> None:
        """Run a verb that must succeed, without showing it."""
        code, self._printed, err, _ = await asyncio.to_thread(self._run, line)
        assert code == 0, err

    async def sync_quietly(self) -> None:
        """Run the full pass that the last edit asked for, without showing a command."""
        await self._keep_the_lease()
        requests = await passes.list_requests(self.stage.db, "acme")
        await self.stage.reconciler.run_full(lambda: False, requests)

    @property
    def hash(self) -> str:
        """The hash of the plan that was printed last."""
        return self._printed.partition("approve ")[2].split()[0]

    def take_block(self) -> str:
        """Return the block of the commands since the last block, and remove it from the record."""
        self._close()
        return self._parts.pop()

    # ---------------------------------------------------------------- setup of a case

    async def assign(self, *names: str) -> None:
        """Assign these people in Okta."""
        for name in names:
            await self.okta.assign(address(name), name.capitalize(), "Example")

    async def map(self, name: str, mode: str) -> None:
        """Map the group of this name to the team of this name, without showing the command."""
        line = f'mapping add --group "{name}" --team "{name}" --mode {mode}'
        await self.run_quietly(line)

    async def create_paused(self) -> None:
        """Create the directory again, paused; show the command. Okta pushes to it from now on."""
        await self.without_directory()
        await self.calscim("directory create --name Okta --provider okta-scim-v2 --paused")
        self.use_created_directory()

    async def create_paused_quietly(self) -> None:
        """Create the directory again, paused, without showing the command. Okta pushes to it from now on."""
        await self.without_directory()
        await self.run_quietly("directory create --name Okta --provider okta-scim-v2 --paused")
        self.use_created_directory()

    async def without_directory(self) -> None:
        """Delete the directory that every case starts with."""
        await self.run_quietly("directory delete Okta")
        await self.stage.full()

    def serve_at(self, url: str) -> None:
        """Set ``scim.public_url`` without showing it."""
        self._configure(f'[scim]\npublic_url = "{url}"', "")

    def organize_quietly(self, toml: str) -> None:
        """Add lines to the organization's table without showing them."""
        self._configure("", toml)

    def use_created_directory(self) -> None:
        """Let Okta push to the directory that the last command created."""
        lines = self._printed.splitlines()
        made = {line.split()[0]: line.split()[-1] for line in lines if line.strip()}
        self._names |= {made["id"]: DIRECTORY, made["token"]: TOKEN}
        okta = self.stage.okta
        okta.base_url = f"{okta.base_url.rpartition('/')[0]}/{made['id']}"
        okta.token = made["token"]

    async def given(self, name: str, mode: str, *people: str) -> None:
        """Start with a group of these people, mapped to the team of its name, and in sync. Add a sentence about it."""
        await self.map(name, mode)
        await self.assign(*people)
        await self.okta.push_group(name, addresses(*people))
        await self.stage.full()
        self.say(
            f"At the start, the group {name} has {enumeration(people)}, and is mapped to the team {name} in `{mode}`."
        )

    # ---------------------------------------------------------------- internals

    def _close(self) -> None:
        if self._shell:
            self._parts.append(self._stable("```console\n" + "\n".join(self._shell) + "\n```"))
            self._shell = []

    def _configure(self, toml: str, organization: str) -> None:
        self._file.write_text(
            f'[database]\ndsn = "{self._dsn}"\n{toml}\n[[organization]]\nname = "acme"\n'
            f'organization_id = 42\napi_key = "{KEY}"\nrequests_per_minute = 100000\n'
            f'api_url = "{self.stage.organization.api_url}"\n{organization}\n'
        )
        self.stage.settings = load(self._file, {})
        self._new_cycle()

    def _new_cycle(self) -> None:
        self.stage.reconciler = self.stage.make_cycle()
        self.stage.reconciler.jitter = lambda: 0.0

    def _run(self, line: str) -> tuple[int, str, str, str]:
        """Run a verb; return its exit code, its output, its messages, and both as a terminal shows them."""
        screen = io.StringIO()
        out, err = _Shown(screen), _Shown(screen)
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--config", str(self._file), *shlex.split(line)])
        return code, out.getvalue(), err.getvalue(), screen.getvalue()

    async def _keep_the_lease(self) -> None:
        taken = await leases.take(self.stage.db, "acme", HOLDER)
        assert taken is not None
        self.stage.lease = self.stage.reconciler.lease = taken


@contextmanager
def monday() -> Iterator[None]:
    """Freeze the clock at nine o'clock on a Monday, and capture the log."""
    with (
        mock.patch.object(SystemClock, "now", lambda _: NINE),
        mock.patch("calscim.logs.configure"),
        structlog.testing.capture_logs(),
    ):
        yield


@asynccontextmanager
async def open_play(db: Database, dsn: str, folder: Path) -> AsyncIterator[Play]:
    """Yield a case on an empty database, in sync, with a daemon that holds the lease."""
    with monday():
        async with staged(db) as stage:
            await leases.release(db, stage.lease)
            play = Play(stage, dsn, folder)
            await play._keep_the_lease()
            await stage.full()
            yield play

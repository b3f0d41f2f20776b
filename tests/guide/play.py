"""Plays one case of the guide, and writes down what an operator would see.

The pushes are Okta's over HTTP, the verbs are the command line's own, the passes are the daemon's; Cal.com is the
simulated one. ``say`` tells a step, ``calscim`` runs a verb and shows it, ``sync`` is ``calscim sync``.
"""

import asyncio
import io
import shlex
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import structlog

from calscim.cli import main
from calscim.clock import SystemClock
from calscim.config import load
from calscim.postgres.pool import Database
from calscim.reconciler.state import leases, runs
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


def addresses(*names: str) -> list[str]:
    return [address(name) for name in names]


class Play:
    """One case on its own stage. ``text`` is what came of it, in Markdown."""

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
        """Cal.com, for what is done there by hand."""
        return self.stage.world

    @property
    def simulation(self) -> Simulation:
        return self.stage.simulation

    @property
    def text(self) -> str:
        self._close()
        return "\n\n".join(self._parts)

    # ---------------------------------------------------------------- telling

    def say(self, *sentences: str) -> None:
        """A paragraph between the blocks."""
        self._close()
        self._parts.append(textwrap.fill(" ".join(sentences), 120))

    def configure(self, toml: str, *, organization: str = "") -> None:
        """Lines for the configuration file, shown; ``organization``: in the table of the only one."""
        self._close()
        shown = [toml.strip()] if toml else []
        if organization:
            shown.append(f'[[organization]]\nname = "acme"  # and the rest of it\n{organization}')
        self._parts.append("```toml\n" + "\n\n".join(shown) + "\n```")
        self._configure(toml, organization)

    async def calscim(self, line: str, *, quiet: bool = False) -> str:
        """Run a verb; ``quiet``: what it prints is left out, but for warnings. Returns what was printed."""
        await self._keep_the_lease()
        code, out, err = await asyncio.to_thread(self._run, line)
        self._printed = out
        self._shell.append(f"$ calscim {line}")
        said = [one for one in err.splitlines() if not one.endswith("…")]
        self._shell += said if quiet else [*said, *(one.rstrip() for one in out.splitlines())]
        if code:
            self._shell.append(f"# exit code {code}")
        return out

    async def sync(self) -> None:
        """A full pass of the daemon, asked for with ``calscim sync``."""
        await self._keep_the_lease()
        earlier = await runs.asked(self.stage.db, "acme")  # as by `calscim approve`
        verb = asyncio.ensure_future(self.calscim("sync"))
        requests = earlier
        while not verb.done() and requests == earlier:
            requests = await runs.asked(self.stage.db, "acme")
        await self.stage.cycle.full(lambda: False, requests)
        await verb

    @property
    def hash(self) -> str:
        """Of the plan that was printed last."""
        return self._printed.partition("approve ")[2].split()[0]

    # ---------------------------------------------------------------- what cases begin with

    async def assign(self, *names: str) -> None:
        for name in names:
            await self.okta.assign(address(name), name.capitalize(), "Example")

    async def map(self, name: str, mode: str) -> None:
        """The group of that name to the team of that name; not shown."""
        line = f'mapping add --group "{name}" --team "{name}" --mode {mode}'
        code, _, err = await asyncio.to_thread(self._run, line)
        assert code == 0, err

    async def create_paused(self) -> None:
        """The directory Okta anew, created paused and shown; Okta pushes to it from now on."""
        code, _, err = await asyncio.to_thread(self._run, "directory delete Okta")
        assert code == 0, err
        await self.stage.full()
        out = await self.calscim("directory create --name Okta --provider okta-scim-v2 --paused")
        made = {line.split()[0]: line.split()[-1] for line in out.splitlines() if line.strip()}
        self._names |= {made["id"]: DIRECTORY, made["token"]: TOKEN}
        okta = self.stage.okta
        okta.base_url = f"{okta.base_url.rpartition('/')[0]}/{made['id']}"
        okta.token = made["token"]

    async def given(self, name: str, mode: str, *people: str) -> None:
        """A group with these people, mapped to the team of its name, and everything in step; said in a sentence."""
        await self.map(name, mode)
        await self.assign(*people)
        await self.okta.push_group(name, addresses(*people))
        await self.stage.full()
        some = f"{', '.join(people[:-1])} and {people[-1]}" if len(people) > 1 else people[0]
        self.say(
            f"To begin with, the group {name} has {some}, and is mapped to the team {name} in `{mode}`."
        )

    # ---------------------------------------------------------------- inside

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
        self.stage.cycle = self.stage.make_cycle()
        self.stage.cycle.jitter = lambda: 0.0

    def _run(self, line: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--config", str(self._file), *shlex.split(line)])
        return code, out.getvalue(), err.getvalue()

    async def _keep_the_lease(self) -> None:
        taken = await leases.take(self.stage.db, "acme", HOLDER)
        assert taken is not None
        self.stage.lease = self.stage.cycle.lease = taken


@contextmanager
def monday() -> Iterator[None]:
    """Nine o'clock of a Monday, and no log lines among what is printed."""
    with (
        mock.patch.object(SystemClock, "now", lambda _: NINE),
        mock.patch("calscim.logs.configure"),
        structlog.testing.capture_logs(),
    ):
        yield


@asynccontextmanager
async def played(db: Database, dsn: str, folder: Path) -> AsyncIterator[Play]:
    """A stage on an empty database, in step and with a daemon that holds the lease."""
    with monday():
        async with staged(db) as stage:
            await leases.release(db, stage.lease)
            play = Play(stage, dsn, folder)
            await play._keep_the_lease()
            await stage.full()
            yield play

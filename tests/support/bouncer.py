"""PgBouncer in transaction mode in front of the session's Postgres."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.support.proxy import Proxy
from tests.support.server import PASSWORD, Server, by_way_of
from tests.support.waiting import until

# Debian installs PgBouncer in /usr/sbin, which is not on every user's PATH.
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SERVERS = 3  # fewer than the clients have connections, so that clients share servers


def configuration(port: int, upstream: int, users: Path) -> str:
    return f"""
[databases]
* = host=127.0.0.1 port={upstream}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {SERVERS}
server_login_retry = 1
"""


@asynccontextmanager
async def bouncing(server: Server, upstream: Proxy) -> AsyncIterator[int]:
    """Yield the port of a PgBouncer that reaches the server through the proxy."""
    assert PROGRAM is not None, "pgbouncer is not installed: check PROGRAM first"
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))
    folder.chmod(0o755)
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    owner = urlsplit(server.superuser).password or ""
    users.write_text(f'"calscim" "{PASSWORD}"\n"{server.owner}" "{owner}"\n')
    async with Proxy(upstream.upstream) as place:  # finds a free port
        port = place.port
    settings.write_text(configuration(port, upstream.port, users))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            settings,
            stdout=log,
            stderr=log,
            stdin=asyncio.subprocess.DEVNULL,
            user=None if os.geteuid() else "nobody",  # PgBouncer refuses to run as root
        )
    try:
        way = by_way_of(server.dsn(server.template), port)

        async def answers() -> bool:
            assert process.returncode is None, (folder / "log").read_text()
            try:
                connection = await asyncpg.connect(way, timeout=2, statement_cache_size=0)
            except (OSError, TimeoutError):
                return False
            await connection.close()
            return True

        await until(answers)
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)

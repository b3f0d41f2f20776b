"""The line that a daemon writes when it is ready says what runs, with which configuration."""

import asyncio
import os
import platform
import re
from pathlib import Path

from structlog.testing import capture_logs

from calscim import __version__
from calscim.app.daemon import serve
from calscim.config import Database, Ops, Scim, Settings


async def test_the_start_line_names_version_configuration_listeners_and_postgres(database):
    settings = Settings(
        Database(dsn=database.dsn), Scim(listen="127.0.0.1:0"), ops=Ops(listen="127.0.0.1:0")
    )
    answering = asyncio.get_running_loop().create_future()

    async def ready(serving):
        answering.set_result(serving)

    with capture_logs() as logged:
        daemon = asyncio.create_task(
            serve(settings, ready=ready, configuration=Path("calscim.toml"))
        )
        await asyncio.wait((daemon, answering), return_when=asyncio.FIRST_COMPLETED)
        daemon.cancel()
        await asyncio.wait((daemon,))

    (line,) = [one for one in logged if one["event"] == "service.ready"]
    assert line["version"] == __version__
    assert line["configuration"] == str(Path.cwd() / "calscim.toml")
    assert (line["scim"], line["ops"]) == (answering.result().scim, answering.result().ops)
    assert re.fullmatch(r"\d+\.\d+", line["postgres"])
    assert (line["python"], line["pid"]) == (platform.python_version(), os.getpid())

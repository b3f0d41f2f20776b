"""Only one `calscim run` uses a folder."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import pytest

from calscim.app.playground_lock import locked
from calscim.errors import UsageError
from tests.support.deployment import INHERITED

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_second_run_in_the_same_folder_is_refused_and_says_what_to_type(tmp_path):
    configuration = tmp_path / "calscim.toml"

    with (
        locked(tmp_path, configuration, NOW),
        pytest.raises(UsageError) as refused,
        locked(tmp_path, configuration, NOW),
    ):
        pass

    assert str(refused.value).splitlines() == [
        f"another `calscim run` uses {tmp_path}: process {os.getpid()}, since 2026-03-02 09:00:00Z",
        f"  to use it: export CALSCIM_CONFIG={configuration}",
        f"  to stop it: kill {os.getpid()}",
        f"  to start another one beside it: calscim run --data {tmp_path}-2 --port 0",
    ]


def test_the_next_run_may_use_the_folder(tmp_path):
    for _ in range(2):
        with locked(tmp_path, tmp_path / "calscim.toml", NOW):
            pass


def test_another_folder_is_free(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    with locked(tmp_path / "a", tmp_path, NOW), locked(tmp_path / "b", tmp_path, NOW):
        pass


async def test_the_verb_refuses_before_it_touches_what_the_other_run_uses(tmp_path):
    with locked(tmp_path, tmp_path / "calscim.toml", NOW):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "calscim", "run", "--data", str(tmp_path), "--port", "0",
            stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
        )  # fmt: skip
        _, said = await process.communicate()

    assert process.returncode == 1
    assert f"process {os.getpid()}" in said.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]

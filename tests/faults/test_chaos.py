"""A short storm of benchmarks/chaos, so that it is known to work when somebody wants a long one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import __main__ as chaos


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, as the paths of sockets have to be."""
    path = Path(tempfile.mkdtemp(prefix="chaos-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.own_postgres
async def test_a_storm_over_two_daemons_and_their_postgres_loses_and_doubles_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = await chaos.chaos(8, seed=3, folder=folder, calcom=False)

    assert result.wrong == []
    assert result.acknowledged > 0
    printed = capsys.readouterr().out
    assert "lost                      0\n" in printed
    assert "duplicated                0\n" in printed

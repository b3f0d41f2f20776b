"""A short run of benchmarks/chaos, which shows that the long run would work."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos import __main__ as chaos


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, because the paths of sockets are limited."""
    path = Path(tempfile.mkdtemp(prefix="chaos-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.own_postgres
async def test_chaos_with_two_daemons_and_their_postgres_loses_and_duplicates_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = await chaos.chaos(8, seed=3, folder=folder, calcom=False)

    assert result.wrong == []
    assert result.acknowledged > 0
    printed = capsys.readouterr().out
    assert "lost                      0\n" in printed
    assert "duplicated                0\n" in printed

"""``calscim sim calcom``: the simulated Cal.com as a separate process."""

import logging

import pytest
import structlog

from calscim.cli import main
from calscim.testing.calcom import builds
from calscim.testing.calcom import calcom as simulated


@pytest.fixture
def served(monkeypatch):
    """The worlds that the command serves, each until it is ready."""
    worlds = []

    async def run(listen, world, limit):
        worlds.append(world)

    monkeypatch.setattr(simulated, "run", run)
    yield worlds
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if handler.name == "calscim"]:
        root.removeHandler(handler)


@pytest.mark.parametrize("build", builds.NAMES)
def test_the_build_is_chosen_by_name_and_with_remembered_data_too(served, tmp_path, build):
    for more in ([], ["--data", str(tmp_path / "world.json")]):
        assert main(["sim", "calcom", "--build", build, *more]) == 0

    assert [world.build for world in served] == [build, build]


def test_hosted_cal_com_is_simulated_by_default(served):
    main(["sim", "calcom"])

    assert served[0].build == builds.HOSTED_2026


def test_an_unknown_build_is_refused_with_the_known_ones(served, capfd):
    assert main(["sim", "calcom", "--build", "hosted"]) == 64

    said = capfd.readouterr().err
    assert [name for name in builds.NAMES if name not in said] == []

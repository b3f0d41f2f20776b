"""calscim serve with dangerous configuration: a warning, or a refusal with --strict."""

import socket

import pytest

from calscim import systemd
from calscim.app import daemon
from calscim.cli import hazards
from calscim.errors import ConfigError


@pytest.fixture
def served(monkeypatch):
    """Record the arguments of serve instead of starting a daemon."""
    calls = []

    async def serve(settings, *, read, configuration, tracing):
        calls.append((settings, read))

    monkeypatch.setattr(daemon, "serve", serve)
    return calls


def make_dangerous(configuration):
    configuration.write_text(configuration.read_text().replace("https://scim", "http://scim"))


def test_serve_logs_dangerous_configuration_and_continues(calscim, configuration, served):
    make_dangerous(configuration)

    ran = calscim("serve")

    assert len(served) == 1
    assert "configuration.dangerous" in ran.err
    assert "scim.public_url" in ran.err


def test_a_strict_daemon_refuses_to_reload_dangerous_configuration(calscim, configuration, served):
    assert calscim("serve", "--strict").code == 0
    [(settings, read)] = served
    assert read() == settings

    make_dangerous(configuration)

    with pytest.raises(ConfigError, match="public_url"):
        read()


@pytest.mark.parametrize("name", ["scim", "fd0"])
def test_a_socket_from_systemd_is_inspected_and_stays_open(monkeypatch, name):
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        monkeypatch.setattr(systemd, "listen_fds", lambda: {name: opened.fileno()})

        assert hazards._inherited()["scim"] == f"127.0.0.1:{port}"
        assert opened.getsockname()[1] == port


def test_a_unix_socket_from_systemd_has_no_address(monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "s"))
        monkeypatch.setattr(systemd, "listen_fds", lambda: {"scim": opened.fileno()})

        assert hazards._inherited() == {}

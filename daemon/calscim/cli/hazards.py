"""Reports dangerous configuration in `check` and `serve`, or refuses it with --strict."""

import argparse
import socket
from contextlib import suppress

import structlog

from calscim import systemd
from calscim.cli.command import Command
from calscim.config import Settings, hazards, secret_files
from calscim.errors import ConfigError, Problem

log = structlog.get_logger()


def strict_option(parser: argparse.ArgumentParser) -> None:
    """Add --strict, with which the verb refuses dangerous configuration."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse dangerous configuration (exit 78) instead of warning",
    )


def found(command: Command, settings: Settings) -> list[Problem]:
    """Return the hazards of the command's configuration. Raise ConfigError with all of them under --strict."""
    files = secret_files(command.configuration, command.environ)
    problems = hazards(settings, files, command.environ, _inherited())
    if problems and command.arguments.strict:
        raise ConfigError(problems)
    return problems


def reviewed(command: Command) -> Settings:
    """Log the hazards of the settings and return the settings."""
    settings = command.settings()
    for problem in found(command, settings):
        log.warning("configuration.dangerous", key=problem.where, detail=problem.message)
    return settings


def _inherited() -> dict[str, str]:
    """Return the TCP addresses of the sockets that systemd handed over, by listener, as app.listeners finds them."""
    sockets = systemd.listen_fds()
    addresses: dict[str, str] = {}
    for name, number in sockets.items():
        with suppress(OSError), socket.socket(fileno=number) as inherited:
            try:
                if inherited.family in {socket.AF_INET, socket.AF_INET6}:
                    host, port = inherited.getsockname()[:2]
                    addresses[name] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            finally:
                inherited.detach()  # the listener needs it open
    if len(sockets) == 1:  # a single socket serves every listener, whatever its name
        addresses.update(dict.fromkeys(("scim", "ops"), next(iter(addresses.values()), "")))
    return {name: one for name, one in addresses.items() if one}

"""Dangerous configuration, as `check` and `serve` treat it: said with its fix, or refused with --strict."""

import argparse
import socket
from contextlib import suppress

import structlog

from calscim import systemd
from calscim.cli.call import Call
from calscim.config import Settings, hazards, secret_files
from calscim.errors import ConfigError, Problem

log = structlog.get_logger()


def strict_option(parser: argparse.ArgumentParser) -> None:
    """Let the verb refuse dangerous configuration."""
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse dangerous configuration (exit 78) instead of warning of it",
    )


def found(call: Call, settings: Settings) -> list[Problem]:
    """Return the hazards of the call's configuration. ConfigError with all of them where it is --strict."""
    files = secret_files(call.configuration, call.environ)
    problems = hazards(settings, files, call.environ, _inherited())
    if problems and call.arguments.strict:
        raise ConfigError(problems)
    return problems


def reviewed(call: Call) -> Settings:
    """Return the settings, once their hazards are in the log."""
    settings = call.settings()
    for problem in found(call, settings):
        log.warning("configuration.dangerous", key=problem.where, detail=problem.message)
    return settings


def _inherited() -> dict[str, str]:
    """The TCP addresses of the sockets that systemd handed over, by listener, as listeners._activated finds them."""
    sockets = systemd.listen_fds()
    addresses: dict[str, str] = {}
    for name, number in sockets.items():
        with suppress(OSError), socket.socket(fileno=number) as inherited:
            try:
                if inherited.family in {socket.AF_INET, socket.AF_INET6}:
                    host, port = inherited.getsockname()[:2]
                    addresses[name] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            finally:
                inherited.detach()  # it stays open for the listener
    if len(sockets) == 1:  # whatever its name is, it serves the listener that asks for one
        addresses.update(dict.fromkeys(("scim", "ops"), next(iter(addresses.values()), "")))
    return {name: one for name, one in addresses.items() if one}

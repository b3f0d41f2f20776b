"""Runs inside the machine: the units at work, in outages, hangs, reloads and restarts."""

import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from inside import (
    POSTGRES,
    get,
    given,
    install_calscim,
    sh,
    shown,
    start_postgres,
    wait_until,
    write_results,
)

CONFIGURATION = Path("/etc/calscim/calscim.toml")
SCIM = "http://127.0.0.1:8085/scim/v2"


def status_text() -> str:
    return shown("calscim", "StatusText")["StatusText"]


def wait_for_status(text: str) -> None:
    wait_until(lambda: text in status_text(), f"the status line has {text!r}")


def main() -> None:
    steps = given()
    results: dict[str, Any] = {}
    start_postgres(steps["postgres"])
    install_calscim(steps)
    sh("systemctl start calscim")
    wait_for_status("acme: in sync")
    results["outage"] = outage(steps)
    results["reload"] = reload()
    results["watchdog"] = watchdog()
    results["socket"] = restart_with_socket()
    results["encrypted"] = encrypted(steps["encrypted"])
    results["migration"] = failed_migration()
    write_results(results)


def outage(steps: Any) -> dict[str, Any]:
    """Stop Postgres, and start it again."""
    sh(f"systemctl stop {POSTGRES}")
    wait_for_status("SCIM answers 503")
    during = {"status": status_text(), **shown("calscim", "ActiveState", "NRestarts")}
    start_postgres(steps["postgres"])
    wait_for_status("acme: in sync")
    return {**during, "restarts_after": shown("calscim", "NRestarts")["NRestarts"]}


def reload() -> dict[str, Any]:
    """Change the configuration and reload."""
    before = shown("calscim", "MainPID")
    text = CONFIGURATION.read_text()
    CONFIGURATION.write_text(text + '\n[reconcile]\ninterval = "7m"\n')
    sh("systemctl reload calscim")
    line = wait_until(lambda: logged("service.reloaded"), "the reload is in the log")
    wait_until(lambda: shown("calscim", "ActiveState")["ActiveState"] == "active", "active again")
    return {
        "applied": line["applied"],
        "same": before == shown("calscim", "MainPID"),
        "type": shown("calscim", "Type")["Type"],
        "version": int(sh("systemctl --version").stdout.split()[1]),
    }


def logged(event: str) -> Any:
    """Return the last line of the daemon's log with an event."""
    printed = sh("journalctl -u calscim -o cat --no-pager", check=False).stdout.splitlines()
    lines = [json.loads(line) for line in printed if line.startswith("{")]
    return next((line for line in reversed(lines) if line.get("event") == event), None)


def watchdog() -> dict[str, Any]:
    """Stop the process, so that it hangs, with a watchdog of two seconds."""
    folder = Path("/etc/systemd/system/calscim.service.d")
    folder.mkdir(exist_ok=True)
    (folder / "watchdog.conf").write_text(
        "[Service]\nWatchdogSec=2s\nRestartSec=100ms\nTimeoutAbortSec=2s\n"
    )
    sh("systemctl daemon-reload && systemctl restart calscim")
    before = shown("calscim", "MainPID", "NRestarts")
    sh("systemctl kill --kill-who=main --signal=STOP calscim")
    wait_until(
        lambda: (
            shown("calscim", "NRestarts", "ActiveState")
            == {"NRestarts": "1", "ActiveState": "active"}
        ),
        "the watchdog restarted the daemon",
    )
    (folder / "watchdog.conf").unlink()
    sh("systemctl daemon-reload && systemctl restart calscim")
    return {"before": before["NRestarts"]}


def restart_with_socket() -> dict[str, Any]:
    """Restart under load: first the daemon has the port, then systemd keeps it."""
    command = (
        "calscim directory create --organization acme --name Okta --provider okta-scim-v2 --json"
    )
    directory = json.loads(sh(command).stdout)
    own = restart_under_load(directory)
    text = CONFIGURATION.read_text()
    CONFIGURATION.write_text(text.replace("[scim]", '[scim]\nlisten = "systemd"'))
    sh("systemctl stop calscim && systemctl enable --now calscim.socket && systemctl start calscim")
    return {"own": own, "kept": restart_under_load(directory)}


def restart_under_load(directory: Any) -> dict[str, Any]:
    """Restart while clients send requests, each on a new connection."""
    clients = [Client(directory["id"], directory["token"]) for _ in range(8)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.answered > 5 for client in clients), "requests are answered")
    began = time.monotonic()
    sh("systemctl restart calscim")
    seconds = time.monotonic() - began
    counts = [client.answered for client in clients]
    wait_until(
        lambda: all(one.answered > before + 5 for one, before in zip(clients, counts, strict=True)),
        "requests are answered again",
    )
    for client in clients:
        client.stopped = True
    for client in clients:
        client.join()
    return {
        "answered": sum(client.answered for client in clients),
        "failed": len([failure for client in clients for failure in client.failures]),
        "failures": sorted({failure for client in clients for failure in client.failures}),
        "longest": max(client.longest for client in clients),
        "restart": seconds,
    }


class Client(threading.Thread):
    """Sends one request after the other, each on a new connection."""

    def __init__(self, directory: str, token: str) -> None:
        super().__init__()
        self.request = urllib.request.Request(
            f"{SCIM}/{directory}/Users?count=1", headers={"Authorization": f"Bearer {token}"}
        )
        self.answered, self.longest, self.stopped = 0, 0.0, False
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stopped:
            began = time.monotonic()
            try:
                with urllib.request.urlopen(self.request, timeout=60) as answer:
                    answer.read()
                self.answered += 1
            except OSError as error:
                self.failures.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - began)


def encrypted(commands: list[str]) -> dict[str, Any]:
    """Encrypt the secrets with the commands of the documentation."""
    # What an operator types when systemd asks.
    ask = Path("/usr/local/bin/systemd-ask-password")
    dsn = Path("/out/typed/owner.dsn").read_text().strip()
    ask.write_text(f"#!/bin/sh\ncase $2 in API*) printf cal_sim;; *) printf {dsn};; esac\n")
    ask.chmod(0o755)
    for command in commands:
        printed = sh(command).stdout
    stored = Path("/etc/calscim/credentials/acme.key").read_text()
    return {
        "is_plain": "cal_sim" in stored,
        "check": printed,
        "ready": get("http://127.0.0.1:8086/readyz"),
        "migration": shown("calscim-migrate", "Result", "ActiveState"),
    }


def failed_migration() -> dict[str, Any]:
    """Give the migration a wrong password: the daemon starts all the same."""
    dsn = Path("/out/typed/owner.dsn").read_text().replace("OWNER_PASSWORD", "wrong")
    Path("/etc/calscim/owner/owner.dsn").write_text(dsn)
    sh("rm -r /etc/systemd/system/calscim-migrate.service.d && systemctl daemon-reload")
    Path("/etc/calscim/credentials/acme.key").write_text("cal_sim")
    sh("rm /etc/systemd/system/calscim.service.d/encrypted.conf && systemctl daemon-reload")
    sh("systemctl restart calscim")
    state = shown("calscim", "ActiveState")
    migrate = shown("calscim-migrate", "ActiveState", "SubState", "ExecMainStatus")
    ready = get("http://127.0.0.1:8086/readyz")
    sh("systemctl stop calscim")
    return {
        **state,
        "migrate": migrate,
        "ready": ready,
        "left": shown("calscim-migrate", "ActiveState"),
    }


main()

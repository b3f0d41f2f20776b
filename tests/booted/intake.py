"""Runs inside the machine: SCIM in a process without network, beside the daemon; and a bundled Postgres."""

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

from inside import given, install_calscim, sh, shown, start_postgres, wait_until, write_results

CONFIGURATION = Path("/etc/calscim/calscim.toml")
OPS = "/run/calscim-scim/ops.sock"


def main() -> None:
    steps = given()
    start_postgres(steps["postgres"])
    install_calscim(steps)
    results = {"intake": intake(), "bundled": bundled()}
    write_results(results)


def intake() -> dict[str, Any]:
    """Set up calscim-scim.service as docs/operations/security-units.md says."""
    share = "/usr/local/share/calscim/config/scim.example.toml"
    # The Postgres of this machine asks for no password over its Unix socket.
    sh(f"install -m 0640 -g calscim {share} /etc/calscim/scim.toml")
    text = CONFIGURATION.read_text()
    own = '[scim]\nlisten = "unix:/run/calscim/scim.sock"'
    CONFIGURATION.write_text(text.replace("[scim]", own))
    sh("systemctl start calscim")
    sh("systemctl enable --now calscim-scim.socket calscim-scim.service")
    command = (
        "calscim directory create --organization acme --name Okta --provider okta-scim-v2 --json"
    )
    made = json.loads(sh(command).stdout)
    request = urllib.request.Request(
        f"http://127.0.0.1:8085/scim/v2/{made['id']}/Users",
        headers={
            "Authorization": f"Bearer {made['token']}",
            "Content-Type": "application/scim+json",
        },
        data=json.dumps({"userName": "ann@acme.example", "active": True}).encode(),
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        created = answer.status
    explained = wait_until(
        lambda: "ann@acme.example" in sh("calscim user list", check=False).stdout,
        "the reconciler knows the user",
    )
    pid = shown("calscim-scim", "MainPID")["MainPID"]
    links = sh(f"nsenter --net --target {pid} ip -brief link").stdout.split()
    return {
        "created": created,
        "known": bool(explained),
        "links": links[:1],
        "ready": ask(OPS, "/readyz"),
        "status": shown("calscim-scim", "StatusText")["StatusText"],
    }


def ask(path: str, target: str) -> str:
    """Return the first line of an answer over a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        return connection.recv(1000).decode().splitlines()[0]


def bundled() -> dict[str, Any]:
    """Use a bundled Postgres, which the unit may run from the package and store in /var/lib/calscim."""
    sh("systemctl disable --now calscim-scim.socket calscim-scim.service && systemctl stop calscim")
    text = CONFIGURATION.read_text()
    lines = [
        line
        for line in text.splitlines()
        if not line.startswith(("dsn", "migration_dsn", "listen"))
    ]
    lines.insert(lines.index("[database]") + 1, 'embedded = "/var/lib/calscim/postgres"')
    CONFIGURATION.write_text("\n".join(lines) + "\n")
    sh("systemctl start calscim")
    wait_until(
        lambda: shown("calscim", "StatusText")["StatusText"] == "acme: in sync", "a pass has run"
    )
    # Postgres refuses root; the command of docs/operations/postgres.md.
    properties = "-p User=calscim -p LoadCredential=credentials:/etc/calscim/credentials"
    checked = sh(f"systemd-run -qP --wait {properties} calscim check", check=False)
    return {
        **shown("calscim-migrate", "Result"),
        "check": checked.stdout,
        "code": checked.returncode,
    }


main()

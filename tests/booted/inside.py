"""What a scenario uses inside the machine. Only the standard library: the system's Python runs it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

OUT = Path("/out")
POSTGRES = "scenario-postgres"


def given() -> Any:
    return json.loads((OUT / "given.json").read_text())


def write_results(results: Any) -> None:
    (OUT / "results.json").write_text(json.dumps(results))


def sh(command: str, *, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command. Print the command and what it printed; raise if it failed."""
    ran = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, text=True, check=False, timeout=90,
        env={**os.environ, "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **environment},
    )  # fmt: skip
    sys.stdout.write(f"$ {command}\n{ran.stdout}{ran.stderr}[{ran.returncode}]\n")
    sys.stdout.flush()
    if check and ran.returncode:
        sh(
            "journalctl --no-pager -o cat -n 60 _TRANSPORT=stdout + _TRANSPORT=journal + _TRANSPORT=syslog",
            check=False,
        )
        sys.exit(f"failed: {command}")
    return ran


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Poll until the condition returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            sh(
                "journalctl --no-pager -o cat -n 60; systemctl status --no-pager calscim",
                check=False,
            )
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return value


def shown(unit: str, *properties: str) -> dict[str, str]:
    """Return properties of a unit."""
    printed = subprocess.run(
        ["systemctl", "show", unit, f"--property={','.join(properties)}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return dict(line.split("=", 1) for line in printed.splitlines())


def install_calscim(steps: Any) -> dict[str, str]:
    """Type the commands of the README up to the start of the daemon, and return what each printed."""
    # What an operator types into the editor.
    editor = Path("/usr/local/bin/nano")
    editor.write_text('#!/bin/sh\ncp "/out/typed/$(basename "$1")" "$1"\n')
    editor.chmod(0o755)
    sh("systemd-run --unit=simulated-calcom /opt/calscim/bin/calscim sim calcom --api-key cal_sim")
    printed = {command: sh(command).stdout for command in steps["before"]}
    psql = f"{steps['postgres']}/psql -q -h /run/postgresql -U postgres -v ON_ERROR_STOP=1"
    sh(f"{psql} -f /out/roles.sql")
    return printed | {command: sh(command).stdout for command in steps["typed"]}


def get(url: str) -> int:
    """Return the status of a GET request; 0 if nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


def start_postgres(binaries: str) -> None:
    """Run a Postgres as the unit POSTGRES, which asks for passwords over TCP."""
    sh(
        f"systemd-run --unit={POSTGRES} -p User=nobody -p StateDirectory=pg -p RuntimeDirectory=postgresql "
        f"sh -c 'export PATH={binaries}:$PATH; test -d /var/lib/pg/data || (echo secret > /var/lib/pg/pw; "
        "initdb -D /var/lib/pg/data -U postgres --pwfile=/var/lib/pg/pw -A scram-sha-256 --auth-local=trust -N); "
        "exec postgres -D /var/lib/pg/data -k /run/postgresql -c fsync=off'"
    )
    ready = f"{binaries}/pg_isready -q -h /run/postgresql"
    wait_until(
        lambda: subprocess.run(ready, shell=True, check=False).returncode == 0, "Postgres answers"
    )

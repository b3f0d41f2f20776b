"""Runs inside the machine: the commands of the README, one after the other, as root."""

from pathlib import Path
from typing import Any

from inside import get, given, install_calscim, sh, shown, start_postgres, wait_until, write_results


def main() -> None:
    steps = given()
    start_postgres(steps["postgres"])
    results: dict[str, Any] = install_calscim(steps)
    for command in steps["after"]:
        results[command] = sh(command).stdout
    results["migration"] = shown("calscim-migrate", "Result", "ExecMainStatus")
    results["daemon"] = shown("calscim", "ActiveState", "StatusText", "NRestarts", "MainPID")
    uid = Path(f"/proc/{results['daemon']['MainPID']}/status").read_text()
    results["user"] = uid.split("Uid:")[1].split()[0] != "0"
    results["ready"] = wait_until(
        lambda: get("http://127.0.0.1:8086/readyz"), "the daemon is ready"
    )
    results["doctor"] = sh("calscim doctor", check=False).stdout
    results["again"] = sh("/opt/calscim/bin/calscim install --systemd").stdout
    results["restart"] = sh("systemctl restart calscim && systemctl is-active calscim").stdout
    results["uninstall"] = sh("/opt/calscim/bin/calscim uninstall --systemd").stdout
    results["left"] = sh("systemctl is-active calscim; ls /etc/calscim", check=False).stdout
    results["purge"] = sh("/opt/calscim/bin/calscim uninstall --systemd --purge --yes").stdout
    results["purged"] = sh("ls -d /etc/calscim /var/lib/calscim; id calscim", check=False).stderr
    write_results(results)


main()

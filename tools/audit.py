"""Check the locked dependencies for known vulnerabilities with pip-audit.

The exit code is 0 if no vulnerability is known, 1 if some are known, and 2 if a dependency could not be checked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NONE, FOUND, UNCHECKED = 0, 1, 2


def main(program: str, folder: Path, locks: list[Path]) -> int:
    """Run pip-audit on each lock file, write the reports to ``folder``, and return the worst exit code."""
    return max(
        _audit(program, folder / f"vulnerabilities-{lock.stem}.json", lock) for lock in locks
    )


def _audit(program: str, report: Path, lock: Path) -> int:
    """Audit one lock file and return its exit code. pip-audit writes a report only if it reached pypi.org."""
    report.unlink(missing_ok=True)
    command = [program, "--require-hashes", "--disable-pip", "--requirement", str(lock)]
    ran = subprocess.run(
        [*command, "--format", "json", "--output", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.is_file() or (found := findings(json.loads(report.read_text()))) is None:
        skipped = "pypi.org does not know some or all packages; the report names them"
        said = (ran.stderr.strip().splitlines() or ["pip-audit printed no reason"])[-1]
        reason = skipped if report.is_file() else said
        print(f"{lock} is NOT CHECKED for vulnerabilities: {reason}", file=sys.stderr)
        print("Run `make audit` where pypi.org's JSON API can be reached.", file=sys.stderr)
        return UNCHECKED
    for line in found:
        print(f"{lock}: {line}")
    print(f"{lock}: {len(found)} known vulnerabilities; the report is {report}")
    return FOUND if found or ran.returncode else NONE


def findings(report: dict[str, Any]) -> list[str] | None:
    """Return a line for each vulnerability; None if a dependency was skipped or none was checked."""
    dependencies = report.get("dependencies", [])
    if not dependencies or any("skip_reason" in one for one in dependencies):
        return None
    return [
        f"{one['name']} {one['version']}: {bug['id']}, fixed in {', '.join(bug['fix_versions']) or 'no release yet'}"
        for one in dependencies
        for bug in one["vulns"]
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), [Path(one) for one in sys.argv[3:]]))

"""An earlier release: taken out of the repository's history, or what `freeze` kept of it beside this file."""

import asyncio
import hashlib
import io
import shutil
import tarfile
from pathlib import Path

RELEASED = "f0a3cf38b657bfe67fa6834ca605d98d087cc01a"  # the release before
ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).parent / "previous"


async def taken_out(commit: str, folder: Path) -> Path | None:
    """The release's files in that folder; None where there is no history, as in a shallow clone."""
    if shutil.which("git") is None:
        return None
    process = await asyncio.create_subprocess_exec(
        "git", "-C", str(ROOT), "archive", commit,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    archive, _ = await process.communicate()
    if process.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def fingerprints(migrations: Path) -> dict[str, str]:
    """The SHA-256 of each migration, by its file's name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(migrations.glob("*.sql"))
    }

"""The release that the upgrade tests start from, and its files.

``previous`` beside this file is the frozen copy of the last release, which `make release` writes. Before the first
release the tests freeze the present tree into a temporary folder instead.
"""

import asyncio
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREVIOUS = Path(__file__).parent / "previous"


async def check_out(frozen: Path, folder: Path) -> Path | None:
    """Put the files of the frozen release into the folder. Return None if the history does not have its tag."""
    version = json.loads((frozen / "release.json").read_text(encoding="utf-8"))["version"]
    return await _archive(f"v{version}", folder) if version else copy_tree(folder)


def copy_tree(folder: Path) -> Path:
    """Copy the files that a daemon of the present tree needs into the folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("daemon", "sql"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    return folder


async def _archive(tag: str, folder: Path) -> Path | None:
    if shutil.which("git") is None:
        return None
    process = await asyncio.create_subprocess_exec(
        "git", "-C", str(ROOT), "archive", tag,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    archive, _ = await process.communicate()
    if process.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def fingerprints(migrations: Path) -> dict[str, str]:
    """Return the SHA-256 of each migration, by file name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(migrations.glob("*.sql"))
    }

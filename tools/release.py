"""Make a release: `make release VERSION=x.y.z`, or `python -m tools.release x.y.z [--dry-run]`.

The release is prepared in a temporary worktree of HEAD, so that a failure or a dry run leaves the tree as it was:

1. write the version, also where files name the container image, and turn the section Unreleased of the changelog into
   a section of the version;
2. build wheel and sdist, install each into an empty environment, and run `calscim demo` and
   `calscim install --systemd --dry-run` from there;
3. freeze tests/upgrades/previous, which the next release is tested against;
4. commit, tag, and move the branch to the commit.

Nothing is downloaded: the environments find the dependencies in the environment that runs this program.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION_FILE = "daemon/calscim/__init__.py"
CHANGELOG = "CHANGELOG.md"
IMAGE_FILES = (
    "packaging/container/Containerfile",
    "packaging/container/compose.yaml",
    "packaging/kubernetes/deployment.yaml",
    "packaging/kubernetes/kustomization.yaml",
    "packaging/kubernetes/migrate.yaml",
)
PREVIOUS = "tests/upgrades/previous"
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_ASSIGNED = re.compile(r'^__version__ = "[^"]*"$', re.MULTILINE)
_IMAGE = re.compile(
    r'(?<=calscim:)\d+\.\d+\.\d+|(?<=ARG VERSION=)\d+\.\d+\.\d+|(?<=newTag: ")\d+\.\d+\.\d+'
)
_UNRELEASED = "## Unreleased\n"
_DEMO_TIMEOUT = 300


class ReleaseError(Exception):
    """The release cannot be made; the message says why, and what to do."""


def parse_version(text: str) -> tuple[int, int, int]:
    """Return the parts of a version. Raise ReleaseError if it is not of the form x.y.z."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ReleaseError(f"{text!r} is not a version of the form x.y.z: give one such as 1.4.0")
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def check_is_new(version: str, tags: Iterable[str]) -> None:
    """Raise ReleaseError unless the version is above every tagged release."""
    released = [tag[1:] for tag in tags if tag.startswith("v") and _VERSION.fullmatch(tag[1:])]
    if not released:
        return
    latest = max(released, key=parse_version)
    if parse_version(version) <= parse_version(latest):
        raise ReleaseError(f"{latest} is released already: give a version above it, not {version}")


def with_version(text: str, version: str) -> str:
    """Return the text of the version's module with another version."""
    changed, count = _ASSIGNED.subn(f'__version__ = "{version}"', text)
    if count != 1:
        raise ReleaseError(f'{VERSION_FILE} needs exactly one line __version__ = "x.y.z"')
    return changed


def with_image_version(text: str, version: str) -> str:
    """Return the text of a file that names the version of the container image, with another version."""
    changed, count = _IMAGE.subn(version, text)
    if count == 0:
        raise ReleaseError("a file of the container image names no version: write calscim:x.y.z")
    return changed


def with_section(changelog: str, version: str, released: date) -> str:
    """Return the changelog with the Unreleased section as a section of the version, and an empty Unreleased above it.

    Headings without an entry are left out. Raise ReleaseError if there is nothing to release.
    """
    if f"## {version} " in changelog:
        raise ReleaseError(
            f"{CHANGELOG} has a section {version} already: remove it, or give another version"
        )
    before, found, rest = changelog.partition(_UNRELEASED)
    if not found:
        raise ReleaseError(
            f"{CHANGELOG} has no line {_UNRELEASED.strip()!r}: add it above the entries"
        )
    section, heading, older = rest.partition("\n## ")
    subsections = re.split(r"^(?=### )", section, flags=re.MULTILINE)
    kept = [part.strip() for part in subsections if re.search(r"^- ", part, re.MULTILINE)]
    if not kept:
        raise ReleaseError(
            f"{CHANGELOG} has no entry under Unreleased: write what users will notice"
        )
    text = "\n\n".join(kept)
    return (
        f"{before}{_UNRELEASED}\n## {version} ({released.isoformat()})\n\n{text}\n{heading}{older}"
    )


def release(version: str, *, dry_run: bool) -> None:
    """Make the release; with ``dry_run``, do everything except the commit and the tag."""
    parse_version(version)
    if _git("status", "--porcelain"):
        raise ReleaseError("the tree has changes: commit them or remove them first")
    check_is_new(version, _git("tag", "--list").split())
    branch = _git("rev-parse", "--abbrev-ref", "HEAD")
    with _worktree() as tree:
        _rewrite(tree, version)
        packages = _build(tree)
        for package in packages:
            _try(package, version)
        print("freezing", PREVIOUS, flush=True)
        _run(
            sys.executable, "-m", "tests.upgrades.freeze", PREVIOUS, version,
            folder=tree, environment={"PYTHONPATH": f"{tree / 'daemon'}{os.pathsep}{tree}"},
        )  # fmt: skip
        if dry_run:
            print(f"{version} can be released; nothing was committed")
            return
        _git("add", "--all", "--force", PREVIOUS, folder=tree)
        _git("commit", "--all", "--message", f"Release {version}", folder=tree)
        commit = _git("rev-parse", "HEAD", folder=tree)
        (ROOT / "dist").mkdir(exist_ok=True)
        for package in packages:
            shutil.copy(package, ROOT / "dist")
    _git("merge", "--ff-only", commit)
    _git("tag", "--annotate", f"v{version}", "--message", f"calscim {version}")
    print(f"{version} is committed and tagged, its packages are in dist; publish it with:")
    print(f"  git push origin {branch} v{version}")


@contextmanager
def _worktree() -> Iterator[Path]:
    """Yield a temporary worktree of HEAD."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    folder.chmod(0o755)  # the bundled Postgres runs as another user if this program runs as root
    tree = folder / "calscim"
    try:
        _git("worktree", "add", "--detach", str(tree), "HEAD")
        yield tree
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git("worktree", "prune")


def _rewrite(tree: Path, version: str) -> None:
    module, changelog = tree / VERSION_FILE, tree / CHANGELOG
    module.write_text(with_version(module.read_text("utf-8"), version), encoding="utf-8")
    for image_file in (tree / name for name in IMAGE_FILES):
        image_file.write_text(
            with_image_version(image_file.read_text("utf-8"), version), encoding="utf-8"
        )
    today = datetime.now(UTC).date()
    text = with_section(changelog.read_text("utf-8"), version, today)
    changelog.write_text(text, encoding="utf-8")


def _build(tree: Path) -> list[Path]:
    """Build wheel and sdist, with the build backend of this environment."""
    print("building wheel and sdist", flush=True)
    _run(sys.executable, "-m", "hatchling", "build", "--directory", "dist", folder=tree)
    packages = sorted((tree / "dist").iterdir())
    if [package.name.rpartition(".")[2] for package in packages] != ["whl", "gz"]:
        names = ", ".join(package.name for package in packages)
        raise ReleaseError(f"the build made {names}, not a wheel and an sdist")
    return packages


def _try(package: Path, version: str) -> None:
    """Install the package into an empty environment and run `calscim demo` there."""
    print("trying", package.name, flush=True)
    with tempfile.TemporaryDirectory(prefix="try-") as folder:
        environment = Path(folder) / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin/python"
        # Its own packages come first. The paths in a .pth file are no site folders: the editable calscim stays hidden.
        [site] = environment.glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(
            sysconfig.get_path("purelib") + "\n", encoding="utf-8"
        )
        _run(
            python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
            "--no-deps", "--no-build-isolation", "--ignore-installed", package, folder=Path(folder),
        )  # fmt: skip
        report = "import calscim; print(calscim.__version__, calscim.__file__)"
        installed = _run(python, "-c", report, folder=Path(folder))
        if not installed.startswith(f"{version} {environment}"):
            raise ReleaseError(f"{package.name} installs another calscim: {installed}")
        _run(environment / "bin/calscim", "demo", folder=Path(folder), timeout=_DEMO_TIMEOUT)
        install = (environment / "bin/calscim", "install", "--systemd", "--dry-run")
        _run(*install, "--root", folder, folder=Path(folder))


def _git(*arguments: str, folder: Path = ROOT) -> str:
    return _run("git", *arguments, folder=folder)


def _run(
    *command: str | Path,
    folder: Path,
    environment: dict[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Return what a command prints. Raise ReleaseError with its output if it fails."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=folder, env=inherited | (environment or {}), timeout=timeout, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        shown = " ".join(str(part) for part in command)
        raise ReleaseError(
            f"`{shown}` ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        )
    return ended.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a release of calscim.")
    parser.add_argument("version", help="x.y.z, above every released version")
    parser.add_argument(
        "--dry-run", action="store_true", help="do everything except commit and tag"
    )
    arguments = parser.parse_args()
    try:
        release(arguments.version, dry_run=arguments.dry_run)
    except ReleaseError as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main()

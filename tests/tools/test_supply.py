"""The lock files pin tested versions, and every documented installation checks hashes."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tools import audit, extras_first, licenses

ROOT = Path(__file__).parents[2]
LOCKS = [
    "constraints.txt",
    *(
        f"requirements/{name}.txt"
        for name in ("serve", "embedded", "otel", "tools", "conformance", "canaille", "packaging")
    ),
]
GUIDES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def entries(lock):
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def plain(name):
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~;, ]", name)[0]).lower()


def pins(lock):
    return dict(re.match(r"([^\[=]+)(?:\[.*?\])?==(\S+)", line).groups() for line in entries(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_version_and_hashes_and_names_no_registry(lock):
    found = entries(lock)

    assert len(found) > 10
    for line in found:
        assert re.match(
            r"[A-Za-z0-9._-]+(\[[a-z0-9, -]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line
        )
    text = (ROOT / lock).read_text()
    assert "://" not in text and "index-url" not in text and "find-links" not in text


@pytest.mark.parametrize(
    "lock", [f"requirements/{name}.txt" for name in ("serve", "embedded", "otel")]
)
def test_installations_use_the_tested_versions(lock):
    assert pins(lock).items() <= pins("constraints.txt").items()


@pytest.mark.parametrize(
    ("lock", "extras", "groups"),
    [
        ("constraints.txt", ["embedded", "otel"], ["dev", "build"]),
        ("requirements/otel.txt", ["otel"], ["build"]),
        ("requirements/serve.txt", [], ["build"]),
        ("requirements/embedded.txt", ["embedded"], ["build"]),
        ("requirements/tools.txt", None, ["tools"]),
        ("requirements/packaging.txt", None, ["packaging"]),
        ("requirements/conformance.txt", None, ["conformance"]),
        ("requirements/canaille.txt", None, ["canaille"]),
    ],
)
def test_a_lock_file_contains_every_declared_dependency(lock, extras, groups):
    project = PROJECT["project"]
    wanted = [one for group in groups for one in PROJECT["dependency-groups"][group]]
    if extras is not None:
        wanted += project["dependencies"]
        wanted += [one for extra in extras for one in project["optional-dependencies"][extra]]

    assert {plain(one) for one in wanted} <= {plain(name) for name in pins(lock)}


def test_hashes_cover_other_python_versions_and_platforms():
    """A package with compiled parts has a wheel, with a hash, for each Python version and platform."""
    hashes = {line.partition("==")[0]: line.count("--hash=") for line in entries("constraints.txt")}

    for name in ("aiohttp", "asyncpg", "orjson", "uvloop", "pydantic-core", "cryptography"):
        assert hashes[name] > 15, name


def installs(text):
    """Return the pip commands in a text, with continued lines joined."""
    return re.findall(r"pip install[^\n`]*", text.replace("\\\n", " "))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_documented_installation_checks_hashes_or_downloads_nothing(page):
    for command in installs(page.read_text()):
        downloads_nothing = "--no-deps" in command and "--no-build-isolation" in command
        assert "--require-hashes" in command or downloads_nothing, command


def test_make_installs_only_with_hashes():
    text = (ROOT / "Makefile").read_text()

    commands = installs(text)
    assert sum("$(HASHED)" in one for one in commands) == len(commands) - 1
    assert "--require-hashes" in text
    assert any("--no-deps --no-build-isolation --editable ." in one for one in commands)


def test_the_license_of_every_installed_package_is_listed():
    assert licenses.PAGE.read_text() == licenses.page(), "the page is outdated: run `make licenses`"
    assert "not declared" not in licenses.page()


# -------------------------------------------------------------------- the audit


@pytest.fixture
def pip_audit(tmp_path):
    """Return a function that creates a fake pip-audit, which writes the given report and exits with the code."""

    def make(report, code):
        (tmp_path / "report.json").write_text(json.dumps(report))
        program = tmp_path / "pip-audit"
        copy = (
            f'for last; do :; done; cp {tmp_path}/report.json "$last"'
            if report is not None
            else "echo no route >&2"
        )
        program.write_text(f"#!/bin/sh\n{copy}\nexit {code}\n")
        program.chmod(0o755)
        return str(program)

    return make


SOUND = {"name": "rich", "version": "15.0.0", "vulns": []}
UNSOUND = {"name": "idna", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "rich", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("report", "code", "outcome"),
    [
        ({"dependencies": [SOUND]}, 0, audit.NONE),
        ({"dependencies": [SOUND, UNSOUND]}, 1, audit.FOUND),
        ({"dependencies": [SOUND, SKIPPED]}, 0, audit.UNCHECKED),
        ({"dependencies": []}, 0, audit.UNCHECKED),
        (None, 1, audit.UNCHECKED),
        (None, 0, audit.UNCHECKED),
    ],
)
def test_an_audit_that_could_not_check_every_package_does_not_pass(
    tmp_path, capsys, pip_audit, report, code, outcome
):
    (tmp_path / "vulnerabilities-lock.json").write_text("left by an earlier run")

    assert audit.main(pip_audit(report, code), tmp_path, [tmp_path / "lock.txt"]) == outcome

    said = capsys.readouterr()
    assert ("NOT CHECKED" in said.err) == (outcome == audit.UNCHECKED)
    assert ("idna 1: PYSEC-1, fixed in 2" in said.out) == (outcome == audit.FOUND)


@pytest.mark.parametrize("lock", LOCKS)
def test_requirements_with_extras_come_first_so_that_pip_accepts_the_lock(lock):
    text = (ROOT / lock).read_text()

    assert extras_first.ordered(text) == text

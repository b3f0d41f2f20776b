"""The calscim, curl and psql commands of the documentation run on one installation, in the order of the pages."""

import re

from tests.docs.blocks import ROOT, commands
from tests.docs.installation import installed
from tests.docs.test_commands import commands_of_program
from tests.guide.played_pages import PAGES, STORIES

PLAYED = [*PAGES, *(page for story in STORIES.values() for page in story)]
# Pages whose commands another test runs.
ELSEWHERE = {
    "docs/guide/cases.md": "tests/guide/test_cases.py plays each case and compares the output",
    "docs/guide/incidents.md": "tests/faults/incidents/test_incidents.py runs each incident and compares",
    "docs/reference/cli.md": "has the examples of --help, which tests/docs/test_commands.py parses",
} | {f"docs/{page}": "tests/guide/test_played_pages.py plays the page" for page in PLAYED}
# Commands that cannot run on the installation, by their first words.
NOT_HERE = {
    "console end-sessions": "needs a person who is signed in; tests/cli/test_console.py",
    "console sessions": "needs a configuration with a console; tests/cli/test_console.py",
    "demo": "plays its own story; tests/app/test_playground.py",
    "install": "writes to the system; tests/cli/test_install.py",
    "journal archive 2026-03": "needs a journal of that month; tests/cli/test_journal_archive.py",
    "run": "is a daemon of its own; tests/app/test_playground.py",
    "serve": "is the daemon of this test",
    "sim": "serves until it is stopped; tests/calcom",
    "uninstall": "removes what install wrote; tests/cli/test_install.py",
}
# The exit codes besides 0 that a command may have here, by its first word.
CODES = {
    "plan": {2, 3},  # changes are pending, or held
    "sync": {2, 3},
    "mapping": {2, 3},  # with --dry-run, those of the plan
    "doctor": {1},  # the Postgres of the tests is not durable
}


def calscim_commands():
    """Return the commands to run, each once, with the place where it is first."""
    places = {}
    for command, words in commands_of_program("calscim"):
        line = " ".join(words[1:])
        if command.page not in ELSEWHERE and not line.startswith(tuple(NOT_HERE)):
            places.setdefault(tuple(words[1:]), str(command))
    return places


async def test_every_command_of_a_page_runs(database, tmp_path, monkeypatch, owner):
    monkeypatch.chdir(tmp_path)
    failed = {}
    async with installed(database.dsn, database.owner_dsn, tmp_path) as installation:
        for words, place in calscim_commands().items():
            ran = await installation.type_([*words])
            if ran.code not in {0} | CODES.get(words[0], set()):
                failed[place] = ran
        for command, words in commands_of_program("curl"):
            status, body = await installation.curl(words)
            if status not in {200, 201}:
                failed[str(command)] = (status, body)
    for _, words in commands_of_program("psql"):
        await owner.fetch(words[words.index("-c") + 1])

    assert failed == {}


def test_the_pages_and_the_tests_that_the_tables_name_exist():
    pages = {command.page for command in commands()}
    reasons = " ".join([*ELSEWHERE.values(), *NOT_HERE.values()])
    tests = re.findall(r"tests/[\w/]+(?:\.py)?", reasons)

    assert set(ELSEWHERE) <= pages
    assert [path for path in tests if not (ROOT / path).exists()] == []

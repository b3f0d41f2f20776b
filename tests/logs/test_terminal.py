"""Text from outside cannot control a terminal or a console log."""

import ast
import io
import json
import logging
import sys
import unicodedata
from pathlib import Path

import pytest
import structlog
import tomlkit

import calscim
from calscim import logs
from calscim.cli.output import Output, SafeConsole, dump, fields, lines, table
from calscim.terminal import escape_json, escape_toml, printable, printable_block, printable_lines

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m\rann\n2026-01-01 [info] forged\u202egro.live\u2066\u2028\x7f"
)
DANGEROUS = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    or unicodedata.bidirectional(character)
    in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
]
WRITERS = {"cli/output.py", "cli/failures.py", "cli/main.py", "logs/configure.py"}


def has_control(text):
    return [c for c in text if c in DANGEROUS and c != "\n"]


@pytest.fixture
def console_log():
    stream = io.StringIO()
    logs.configure("info", "console", stream)
    return stream


def test_every_control_character_becomes_visible():
    assert [c for c in DANGEROUS if not printable(c).isprintable()] == []
    assert printable("\x1b\r\n\u202e\U000e0041") == r"\x1b\r\n\u202e\U000e0041"


def test_names_in_all_scripts_are_unchanged():
    names = ["Ann O'Neill", "陽子", "محمد", "می‌خواهم", "👩‍💻", "Zoë\u00a0B"]

    assert [printable(name) for name in names] == names


def test_only_the_program_s_own_line_feeds_stay():
    assert printable_lines("a\n\x1bb") == "a\n\\x1bb"
    assert printable_block("Error: x\nforged") == "    Error: x\n    forged"


@pytest.mark.parametrize("text", [HOSTILE, "\U000e0041 tag", "plain"])
def test_json_and_toml_escape_what_a_terminal_interprets_and_keep_their_values(text):
    shown = dump({"name": text}, indent=True)
    document = tomlkit.document()
    document["name"] = text
    toml = escape_toml(tomlkit.dumps(document))

    assert has_control(shown) == has_control(toml) == []
    assert json.loads(shown) == {"name": text}
    assert tomlkit.loads(toml)["name"] == text
    assert json.loads(escape_json(json.dumps(text, ensure_ascii=False))) == text


def test_a_value_cannot_leave_its_cell_or_its_line(capsys):
    output = Output()

    output.show(table(("name", "state"), [(HOSTILE, "active")]))
    output.show(fields([("name", HOSTILE)]))
    output.show(HOSTILE)
    output.say(HOSTILE)
    output.warn(HOSTILE)
    output.write(f"name {HOSTILE}".replace("\n", " "))

    out, err = capsys.readouterr()
    assert has_control(out + err) == []
    assert not any(line.startswith("2026") for line in (out + err).splitlines())


def test_a_renderable_that_was_not_escaped_is_escaped_by_the_console():
    stream = io.StringIO()

    SafeConsole(file=stream, width=200, force_terminal=False).print("x \x1b]0;y\x07", markup=False)

    assert has_control(stream.getvalue()) == []


def test_the_caller_decides_the_lines():
    assert lines("held:", "ann\nbob").plain == "held:\nann\\nbob"


def test_a_console_log_line_is_one_line(console_log):
    structlog.get_logger("x").warning("scim.refused", path=HOSTILE, names=[HOSTILE])
    logging.getLogger("aiohttp.server").error("Error handling %s", HOSTILE)

    assert has_control(console_log.getvalue()) == []
    assert len(console_log.getvalue().splitlines()) == 2


def test_a_traceback_in_a_console_log_forges_no_line(console_log):
    try:
        int(HOSTILE)
    except ValueError:
        structlog.get_logger("x").exception("task.failed")

    first, *rest = console_log.getvalue().splitlines()
    assert has_control(console_log.getvalue()) == []
    assert "task.failed" in first
    assert all(line.startswith("    ") for line in rest if line)


def test_a_json_log_escapes_values_and_keeps_them():
    stream = io.StringIO()
    logs.configure("info", "json", stream)

    structlog.get_logger("x").warning("scim.refused", path=HOSTILE)

    assert has_control(stream.getvalue()) == []
    assert json.loads(stream.getvalue())["path"] == HOSTILE


def test_only_the_modules_that_escape_write_to_a_terminal():
    root = Path(calscim.__file__).parent
    writers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(map(_writes, ast.walk(ast.parse(path.read_text()))))
    }

    assert writers <= WRITERS


def _writes(node):
    """Return True for print(), sys.stdout.write(), and imports of rich's Console and Text."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        return called in {"print", "sys.stdout.write", "sys.stderr.write"}
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return bool(names & {"Console", "Text"}) and (node.module or "").startswith("rich")
    return False

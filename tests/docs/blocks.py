"""The fenced blocks of the documentation, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHELLS = ("console", "sh", "bash")
_FENCE = re.compile(r"^( *)```(\S*)")
_PROMPT = re.compile(r"^[$#] (.+)$")
_SEPARATORS = {"|", "||", "&", "&&", ";", "(", ")", "\n"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its text without the fence and without the indentation of a list."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command line that a page tells the reader to type."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"

    @property
    def programs(self) -> list[list[str]]:
        """The words of each program that the line starts, without sudo, variables, and redirections."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars="();<>|&\n")
        lexer.whitespace_split = True
        programs: list[list[str]] = [[]]
        words = iter(lexer)
        for word in words:
            if word in _SEPARATORS:
                programs.append([])
            elif set(word) <= set("<>&"):
                next(words, None)  # the file
            elif programs[-1] or not re.match(r"[A-Z_]+=|sudo$", word):
                programs[-1].append(word)
        return [program for program in programs if program]


@cache
def blocks() -> tuple[Block, ...]:
    """Return the blocks of all pages, in order."""
    return tuple(block for page in PAGES for block in blocks_of(page.read_text("utf-8"), page))


def blocks_of(text: str, page: Path) -> list[Block]:
    """Return the blocks of one page."""
    found: list[Block] = []
    inside: list[str] | None = None
    name = page.relative_to(ROOT).as_posix()
    indentation = language = ""
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if inside is None:
            if fence:
                indentation, language = fence.groups()
                start, inside = number + 1, []
        elif fence:
            found.append(Block(name, start, language, "".join(f"{line}\n" for line in inside)))
            inside = None
        else:
            inside.append(line.removeprefix(indentation))
    assert inside is None, f"{name}: the block of line {start} has no end"
    return found


def commands_of(block: Block) -> list[Command]:
    """Return the commands of a shell block: after a prompt in `console`, each line in `sh`."""
    found: list[Command] = []
    continued = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        prompt = _PROMPT.match(line)
        typed = line if block.language != "console" else prompt[1] if prompt else ""
        if continued:
            last = found.pop()
            found.append(Command(last.page, last.line, f"{last.text[:-1]}{line.strip()}"))
        elif typed.strip() and not _is_note(typed, block.language):
            found.append(Command(block.page, number, typed))
        continued = bool(found) and found[-1].text.endswith("\\")
    return found


def _is_note(typed: str, language: str) -> bool:
    """Return True for a comment, and for the exit code that the guide writes below a command."""
    return typed.startswith("#") or (language == "console" and typed.startswith("exit code "))


@cache
def commands() -> tuple[Command, ...]:
    """Return the commands of all pages, in order."""
    return tuple(c for block in blocks() if block.language in SHELLS for c in commands_of(block))

"""The commands and files of the README's section Install."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, without indentation."""
    section = README.read_text("utf-8").partition("\n## Install\n")[2].partition("\n## ")[0]
    return [
        "\n".join(line.strip() for line in text.splitlines())
        for name, text in _BLOCK.findall(section)
        if name == language
    ]


def commands() -> list[str]:
    """Return the commands, as root types them."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert all(line.startswith("# ") for line in lines)
    return [line.removeprefix("# ").partition("  # ")[0].strip() for line in lines]

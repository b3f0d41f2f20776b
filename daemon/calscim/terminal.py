"""Escapes text from outside for a terminal.

Names, addresses and messages come from identity providers, from Cal.com and from unauthenticated requests. A
terminal interprets control characters in them: ESC and CSI move the cursor and rewrite the screen, OSC sets the title
or the clipboard, CR overwrites a line, LF forges one, and bidirectional controls reorder text.

The rule: every text that is written to a terminal or to a console log passes through this module, and only
``cli/output`` and ``logs`` write there. Verbs compose renderables with ``cli.output.lines``, ``cell``, ``table`` and
``fields``, which escape each value, line feeds included. JSON keeps its values and escapes the same characters.
"""

import os
import re
from collections.abc import Mapping

# Categories Cc, Cs, Zl and Zp of Unicode, and of Cf what is invisible. U+200C and U+200D stay: Persian, Indic scripts
# and emoji need them, and they neither reorder nor hide anything. The visible signs of category Cf (U+0600) stay too.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DELETE = "\x7f"


def allows_color(environ: Mapping[str, str] = os.environ) -> bool:
    """Return False if the user asked for plain text (https://no-color.org), or the terminal can only print."""
    return not environ.get("NO_COLOR") and environ.get("TERM") not in {"dumb", "unknown"}


def printable(text: str) -> str:
    r"""Return the text with every control character as a visible escape, as ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def printable_lines(text: str) -> str:
    """Return the text with every control character but line feeds as a visible escape.

    For text whose line feeds are the program's own, such as indented JSON.
    """
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def printable_block(text: str) -> str:
    """Return a traceback with every line escaped and indented, so that none can be mistaken for a log line."""
    return "\n".join(f"    {printable(line)}" for line in text.split("\n"))


def escape_json(text: str) -> str:
    r"""Return the same JSON document with control characters in its strings as ``\uXXXX``.

    JSON requires that only for U+0000 to U+001F, but terminals also interpret others. Line feeds between the values of
    an indented document stay.
    """
    if text.isascii() and _DELETE not in text:
        return text
    return "\n".join(_UNSAFE.sub(_escape_json, line) for line in text.split("\n"))


def escape_toml(text: str) -> str:
    r"""Return the same TOML document with control characters in its basic strings as ``\uXXXX``."""
    if text.isascii() and _DELETE not in text:
        return text
    return "\n".join(_UNSAFE.sub(_escape_toml, line) for line in text.split("\n"))


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else _escape_toml(match)


def _escape_toml(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escape_json(match: re.Match[str]) -> str:
    """JSON escapes a character beyond U+FFFF as a surrogate pair (RFC 8259 section 7)."""
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

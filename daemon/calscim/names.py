"""The rules by which two names are equal: addresses, userNames, names of groups and of teams.

- Surrounding white space does not count (``str.strip``).
- Canonically equivalent texts are equal (Unicode NFC): Macs send an accented letter as two characters.
- Case does not count. Each uppercase letter of Unicode 14 equals its lowercase letter, and the Greek final sigma
  equals sigma. No letter becomes two: ``groß`` and ``gross`` are different names, as in Cal.com, which stores
  addresses in the lower case of JavaScript. Two addresses with the same lower case there have the same key here.

``calscim.fold_case``, ``calscim.name_key`` and ``calscim.spelling`` in sql/schema are the same rules in SQL,
independent of the collation of the database. Keys are stored, so that both list the letters: keys do not change with
the Unicode version of Python or Postgres.

Names of groups and teams also have a spelling, in which case counts: a mapping waits for exactly its group's name.
"""

import re
from collections.abc import Iterator
from unicodedata import normalize

# Uppercase letters beyond ASCII without a canonical decomposition, and the final sigma: code points, or ranges of
# them; "/2" is every other one.
_CAPITALS = (
    "c6 d0 d8 de 110 126 132 13f-141/2 14a 152 166 181-182 184-186/2 187-189/2 18a-18b "
    "18e-191 193-194 196-198 19c-19d 19f 1a2-1a6/2 1a7-1a9/2 1ac-1ae/2 1b1-1b3 1b5-1b7/2 "
    "1b8 1bc 1c4-1c5 1c7-1c8 1ca-1cb 1e4 1f1-1f2 1f6-1f7 21c 220-224/2 23a-23b 23d-23e "
    "241-243/2 244-246 248-24e/2 370-372/2 376 37f 391-3a1 3a3-3a9 3c2 3cf 3d8-3ee/2 3f4 "
    "3f7-3f9/2 3fa 3fd-3ff 402-404/2 405-406 408-40b 40f-418 41a-42f 460-474/2 478-480/2 "
    "48a-4c0/2 4c3-4cd/2 4d4 4d8 4e0 4e8 4f6 4fa-52e/2 531-556 10a0-10c5 10c7 10cd "
    "13a0-13f5 1c90-1cba 1cbd-1cbf 1e9e 1efa-1efe/2 2132 2160-216f 2183 24b6-24cf "
    "2c00-2c2f 2c60-2c62/2 2c63-2c64 2c67-2c6d/2 2c6e-2c70 2c72 2c75 2c7e-2c80 "
    "2c82-2ce2/2 2ceb-2ced/2 2cf2 a640-a66c/2 a680-a69a/2 a722-a72e/2 a732-a76e/2 "
    "a779-a77d/2 a77e-a786/2 a78b-a78d/2 a790-a792/2 a796-a7aa/2 a7ab-a7ae a7b0-a7b4 "
    "a7b6-a7c4/2 a7c5-a7c7 a7c9 a7d0 a7d6-a7d8/2 a7f5 ff21-ff3a 10400-10427 104b0-104d3 "
    "10570-1057a 1057c-1058a 1058c-10592 10594-10595 10c80-10cb2 118a0-118bf 16e40-16e5f "
    "1e900-1e921 "
)
_FINAL_SIGMA, _SIGMA = "\u03c2", "\u03c3"
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+")


def _listed(ranges: str) -> Iterator[str]:
    for part in ranges.split():
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1, int(step or 1)))


_SMALL = {ord(one): one.lower() for one in map(chr, range(128))}
_SMALL |= {ord(one): one.lower() for one in _listed(_CAPITALS)} | {ord(_FINAL_SIGMA): _SIGMA}


def trimmed(text: str) -> str:
    """Return the text without surrounding white space."""
    return text.strip()


def folded(text: str) -> str:
    """Return the text with case folded. White space stays."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFD", text).translate(_SMALL))


def spelling(name: str) -> str:
    """Return the name of a group or team for a comparison in which case counts."""
    name = name.strip()
    return name if name.isascii() else normalize("NFC", name)


def _key(name: str) -> str:
    return folded(name.strip())


def address_key(address: str) -> str:
    """Return the key of an e-mail address, "" if it is blank."""
    return _key(address)


def user_name_key(user_name: str) -> str:
    """Return the key of a userName (RFC 7643 section 4.1.1: not case-exact)."""
    return _key(user_name)


def group_key(name: str) -> str:
    """Return the key of a group's name, which is unique in a directory."""
    return _key(name)


def team_key(name: str) -> str:
    """Return the key of a team's name."""
    return _key(name)


def attribute_key(name: str) -> str:
    """Return the key of the name of a Cal.com attribute."""
    return _key(name)


def is_address(text: str) -> bool:
    """Return True if the text may be an e-mail address of an account in Cal.com.

    It needs one "@" after a local part, a domain with a dot, which Cal.com requires, and neither white space nor
    control characters. Everything else is accepted.
    """
    if _ADDRESS.fullmatch(text) is None:
        return False
    labels = text.rpartition("@")[2].split(".")
    return len(labels) > 1 and all(labels)

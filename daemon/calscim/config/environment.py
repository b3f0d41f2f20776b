"""CALSCIM_* variables, each the spelling of one key; they win over the configuration file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from calscim.config.options import ORGANIZATION, SECTIONS, Section
from calscim.errors import Problem

PREFIX = "CALSCIM_"
_ORGANIZATION = "CALSCIM_ORGANIZATION_"

# Names the file itself rather than a key.
_OTHERS = {"CALSCIM_CONFIG"}
# What Kubernetes puts into every container beside a service that is called calscim.
_KUBERNETES = re.compile(r"^CALSCIM_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")


@dataclass(frozen=True, slots=True)
class Given:
    """A value as somebody wrote it, and where."""

    where: str
    value: Any
    from_variable: bool = False


Table = dict[str, Given]


@dataclass(frozen=True, slots=True)
class Variables:
    """Sorted by what they override; ``organizations`` is keyed by the name as variables spell it."""

    sections: dict[str, Table]
    organizations: dict[str, Table]
    problems: tuple[Problem, ...]


def spelled(name: str) -> str:
    """An organization's name within a variable's: acme-eu is ACME_EU."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def sort(environ: Mapping[str, str], organizations: Iterable[str]) -> Variables:
    """Give each variable its place. ``organizations``: the names in the file, for the longest match."""
    known = {spelled(name) for name in organizations}
    known |= {
        match[1]
        for match in (re.match(r"^CALSCIM_ORGANIZATION_(\w+)_ORGANIZATION_ID$", v) for v in environ)
        if match
    }
    simple = {
        f"{PREFIX}{section.name}_{key}".upper(): (section, key)
        for section in SECTIONS
        for key in section.keys
    }
    of_organizations = {
        f"{_ORGANIZATION}{name}_{key.upper()}": (name, key)
        for name in known
        for key in ORGANIZATION.keys
    }
    found = Variables({}, {}, ())
    problems: list[Problem] = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in _OTHERS or _KUBERNETES.match(variable):
            continue
        if not text:  # what `${X:-}` in a compose file leaves behind
            continue
        if place := simple.get(variable):
            section, key = place
            found.sections.setdefault(section.name, {})[key] = _given(section, key, variable, text)
        elif of := of_organizations.get(variable):
            name, key = of
            table = found.organizations.setdefault(name, {})
            table[key] = _given(ORGANIZATION, key, variable, text)
        else:
            of_one = variable.startswith(_ORGANIZATION)
            names = list(of_organizations if of_one else [*simple, *_OTHERS])
            problems.append(Problem(variable, _unknown(variable, names, known)))
    return Variables(found.sections, found.organizations, tuple(problems))


def _given(section: Section, key: str, variable: str, text: str) -> Given:
    option = next(option for option in section.options if key in option.spellings)
    return Given(variable, option.from_variable(key, text), from_variable=True)


def _unknown(variable: str, names: list[str], organizations: set[str]) -> str:
    near = get_close_matches(variable, names, n=1)
    if near:
        return f"is not a variable of calscim: did you mean {near[0]}?"
    if variable.startswith(_ORGANIZATION):
        listed = ", ".join(sorted(organizations)) or "none"
        return (
            f"names no organization that is configured (as variables spell them: {listed}): "
            f"write {_ORGANIZATION}<NAME>_<KEY>"
        )
    return "is not a variable of calscim: write CALSCIM_<SECTION>_<KEY>, or remove it"

"""Where values come from: the configuration file, and CALSCIM_* variables, which win over the file.

Both are settings sources of pydantic-settings. A source puts each value into its table, and remembers where it was
written. Problems are collected, so that all of them can be reported together.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from calscim.config.keys import (
    LISTS,
    OPTIONAL,
    SECTIONS,
    Key,
    is_listed,
    keys_of,
    section_of,
    unknown_key,
    unknown_section,
)
from calscim.config.values import NamedFile, Place
from calscim.errors import ConfigError, Problem
from calscim.option_types import VariableText

Table: TypeAlias = dict[str, Any]
Location: TypeAlias = tuple[str | int, ...]  # as pydantic has it: ("organizations", 0, "api_key")

SEARCHED = (Path("config/calscim.toml"), Path("/etc/calscim/calscim.toml"))

_NO_FILE = f"no configuration file ({' or '.join(map(str, SEARCHED))}, or name one with --config)"
_PREFIX = "CALSCIM_"
_ORGANIZATION = "CALSCIM_ORGANIZATION_"
_OTHERS = {"CALSCIM_CONFIG"}  # names the file itself
# Kubernetes sets these in every container beside a service that is called calscim.
_KUBERNETES = re.compile(r"^CALSCIM_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")


def spelled(name: str) -> str:
    """Return an organization's name as variables spell it: ACME_EU for acme-eu."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def name_of(table: Table) -> str:
    """Return the name of an organization's or a channel's table, or "" if it has none."""
    name = table.get("name", "")
    return name if isinstance(name, str) else ""


def label(at: Location, tables: Mapping[str, Any]) -> str:
    """Return a location as error messages name it: ``organization.acme.attributes[2].to``."""
    text = ""
    for index, part in enumerate(at):
        if isinstance(part, str):
            text += section_of(part) if index == 0 else f".{part}"
        else:
            name = name_of(tables[str(at[0])][part]) if index == 1 else ""
            text += f".{name}" if name else f"[{part + 1}]"
    return text.removeprefix(".")


class Source(PydanticBaseSettingsSource):
    """Values by section, with every problem found. ``written_at``: where each value was written."""

    def __init__(
        self, settings: type[BaseSettings], path: Path | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__(settings)
        self.file = str(path) if path else _NO_FILE
        self.problems: list[Problem] = []
        self.written_at: dict[Location, str] = {}
        self.tables: dict[str, Any] = {}
        self._folder = path.absolute().parent if path else Path.cwd()
        credentials = environ.get("CREDENTIALS_DIRECTORY")
        self._credentials = Path(credentials) if credentials else None

    def get_field_value(self, _: FieldInfo, _name: str) -> tuple[Any, str, bool]:
        """Refuse: a source gives all tables at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the tables of ``load.Configuration.settings``."""
        return {"settings": self.tables}

    @property
    def organizations(self) -> list[Table]:
        """The tables of the organizations."""
        rows: list[Table] = self.tables.get("organizations", [])
        return rows

    def refuse(self, where: str, message: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(where, message))

    def add(
        self, table: Table, at: Location, key: Key, spelling: str, value: Any, where: str
    ) -> None:
        """Put a value that was written ``where`` into the table ``at`` a location."""
        place = (*at, key.name)
        if place in self.written_at:
            plain = where if spelling == key.name else self.written_at[place]
            self.refuse(plain, f"and {key.spellings[1]} are both given: leave one of them out")
            if spelling != key.name:
                return
        self.written_at[place] = where
        table[key.name] = self._value(key, spelling, value)

    def _value(self, key: Key, spelling: str, value: Any) -> Any:
        if key.place not in {Place.FILE, Place.PRIVATE_FILE} and spelling == key.name:
            return value
        if key.place is Place.SECRETS and isinstance(value, VariableText):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if key.place is Place.SECRETS and isinstance(value, list):
            return [self._named(one) for one in value]
        return value if key.place is Place.SECRETS else self._named(value)

    def _named(self, value: Any) -> NamedFile:
        return NamedFile(value, self._folder, self._credentials)


class FileSource(Source):
    """The TOML file. Raises ConfigError if it cannot be read."""

    def __init__(
        self, settings: type[BaseSettings], path: Path | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__(settings, path, environ)
        self._written: dict[str, list[Table]] = {}
        document = _document(path, self.file)
        for section, field in LISTS.items():
            if section in document:
                rows = self._written[field] = self._tables_in(section, document.pop(section))
                self.tables[field] = [
                    self._table(row, (field, number)) for number, row in enumerate(rows)
                ]
        for section, value in document.items():
            if section not in SECTIONS:
                self.refuse(f"{self.file}: {section}", unknown_section(section))
            elif isinstance(value, dict):
                self.tables[section] = self._table(value, (section,))
            else:
                message = f"is a section: write [{section}] above its keys"
                self.refuse(f"{self.file}: {section}", message)

    def _tables_in(self, section: str, written: Any) -> list[Table]:
        if isinstance(written, dict):
            message = f"is a list: write [[{section}]], in double brackets"
            self.refuse(f"{self.file}: {section}", message)
            return [written]
        return (
            [row for row in written if isinstance(row, dict)] if isinstance(written, list) else []
        )

    def _table(self, written: Table, at: Location) -> Table:
        names = [one for one in at if isinstance(one, str)]
        section = ".".join((section_of(names[0]), *names[1:]))
        known, table = keys_of(SECTIONS[section]), dict[str, Any]()
        for spelling, value in written.items():
            where = (
                f"{self.file}: {label(at, self._written) if len(at) > 1 else section}.{spelling}"
            )
            if (key := known.get(spelling)) is None:
                self.refuse(where, unknown_key(spelling, section))
                continue
            self.add(table, at, key, spelling, value, where)
            inner = f"{section}.{key.name}"
            if inner in OPTIONAL and isinstance(value, dict):
                table[key.name] = self._table(value, (*at, key.name))
            elif inner in OPTIONAL:
                self.refuse(where, f"is a section: write [{inner}] above its keys")
                del table[key.name]
            elif inner in SECTIONS and isinstance(value, list):
                table[key.name] = [
                    self._table(row, (*at, key.name, number)) if isinstance(row, dict) else row
                    for number, row in enumerate(value)
                ]
        return table


class VariablesSource(Source):
    """CALSCIM_* variables, with the file's organizations below those that variables concern."""

    def __init__(
        self,
        settings: type[BaseSettings],
        path: Path | None,
        environ: Mapping[str, str],
        file: FileSource,
    ) -> None:
        super().__init__(settings, path, environ)
        written = [*file.organizations]
        numbers = {spelled(name_of(row)): at for at, row in enumerate(written) if name_of(row)}
        rows: list[Table] = [{} for _ in written]
        for name in _named_by_variables(environ):
            if name not in numbers:  # configured by variables alone
                numbers[name] = len(rows)
                self.written_at["organizations", len(rows), "name"] = f"{_ORGANIZATION}{name}"
                rows.append({"name": name.lower().replace("_", "-")})
                written.append({})
        self._names = sorted(numbers)
        self._places: dict[str, tuple[Table, Location, Key, str]] = {}
        for section in SECTIONS:
            if not is_listed(section):
                at = tuple(section.split("."))
                self._know(f"{_PREFIX}{'_'.join(at)}", self._below(at), at, section)
        for name, number in numbers.items():
            row_at = ("organizations", number)
            self._know(f"{_ORGANIZATION}{name}", rows[number], row_at, "organization")
        for variable, text in sorted(environ.items()):
            is_ours = variable.startswith(_PREFIX) and variable not in _OTHERS
            # A compose file's `${X:-}` leaves an empty variable.
            if not is_ours or not text or _KUBERNETES.match(variable):
                continue
            if place := self._places.get(variable):
                self.add(*place, VariableText(text), variable)
            else:
                self.refuse(variable, self._unknown(variable))
        for section in reversed(OPTIONAL):  # without a variable they are absent, not empty
            *outer, name = section.split(".")
            above = self._below(outer)
            if not above[name]:
                del above[name]
        self.tables["organizations"] = [
            below | over for below, over in zip(written, rows, strict=True)
        ]

    def _below(self, at: Sequence[str]) -> Table:
        """Return the table of a section, which may be in another section."""
        table: Table = self.tables
        for name in at:
            table = table.setdefault(name, {})
        return table

    def _know(self, prefix: str, table: Table, at: Location, section: str) -> None:
        """Add the variables of a table."""
        for spelling, key in keys_of(SECTIONS[section]).items():
            if f"{section}.{key.name}" not in OPTIONAL:
                self._places[f"{prefix}_{spelling}".upper()] = (table, at, key, spelling)

    def _unknown(self, variable: str) -> str:
        of_organization = variable.startswith(_ORGANIZATION)
        known = [
            one
            for one in (*self._places, *_OTHERS)
            if one.startswith(_ORGANIZATION) == of_organization
        ]
        if near := get_close_matches(variable, known, n=1):
            return f"is not a variable of calscim: did you mean {near[0]}?"
        if not of_organization:
            return "is not a variable of calscim: write CALSCIM_<SECTION>_<KEY>, or remove it"
        names = ", ".join(self._names) or "none"
        return (
            f"names no configured organization (as variables spell them: {names}): "
            f"write {_ORGANIZATION}<NAME>_<KEY>"
        )


def _named_by_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for variable in sorted(environ):
        match = re.match(rf"^{_ORGANIZATION}(\w+)_ORGANIZATION_ID$", variable)
        if match:
            yield match[1]


def _document(path: Path | None, file: str) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot be read ({error.strerror}): name a file with --config FILE"
    except UnicodeDecodeError:
        message = "is not UTF-8 text: save it as UTF-8"
    except tomllib.TOMLDecodeError as error:
        message = f"is not TOML: {error}"
    raise ConfigError([Problem(file, message)])

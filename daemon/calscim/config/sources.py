"""Where values come from: the configuration file, and CALSCIM_* variables, which win over the file.

Both are settings sources of pydantic-settings. A source gives each value its place, and remembers where it was written.
"""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from calscim.config.keys import (
    ORGANIZATION,
    SECTIONS,
    Key,
    keys_of,
    unknown_key,
    unknown_section,
)
from calscim.config.values import NamedFile, Place
from calscim.errors import ConfigError, Problem
from calscim.option_types import VariableText

Table: TypeAlias = dict[str, Any]
Location: TypeAlias = tuple[str | int, ...]

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


def name_of(organization: Table) -> str:
    """Return the name of an organization's table, or "" if it has none."""
    name = organization.get("name", "")
    return name if isinstance(name, str) else ""


class Source(PydanticBaseSettingsSource):
    """Values by section, with every problem found; ``written_at`` says where a value was written."""

    def __init__(
        self, settings: type[BaseSettings], path: Path | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__(settings)
        self.path = path
        self.folder = path.absolute().parent if path else Path.cwd()
        self.problems: list[Problem] = []
        self.written_at: dict[Location, str] = {}
        self.tables: dict[str, Any] = {}
        credentials = environ.get("CREDENTIALS_DIRECTORY")
        self._credentials = Path(credentials) if credentials else None

    @property
    def file(self) -> str:
        """Return the file as error messages name it."""
        return str(self.path) if self.path else _NO_FILE

    def get_field_value(self, _: FieldInfo, _name: str) -> tuple[Any, str, bool]:
        """Refuse: a source gives all tables at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the tables of ``load.Configuration.settings``."""
        return {"settings": self.tables}

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
        is_a_file = key.place in {Place.FILE, Place.PRIVATE_FILE} or spelling != key.name
        if key.place is Place.SECRETS and is_a_file:
            if isinstance(value, VariableText):
                value = [part.strip() for part in value.split(",") if part.strip()]
            return [self._named(one) for one in value] if isinstance(value, list) else value
        return self._named(value) if is_a_file else value

    def _named(self, value: Any) -> NamedFile:
        return NamedFile(value, self.folder, self._credentials)


class FileSource(Source):
    """The TOML file. Raises ConfigError if it cannot be read."""

    def __init__(
        self, settings: type[BaseSettings], path: Path | None, environ: Mapping[str, str]
    ) -> None:
        super().__init__(settings, path, environ)
        for section, value in _document(path, self.file).items():
            if section == "organization":
                self.tables["organizations"] = self._organizations(value)
            elif section not in SECTIONS:
                self.refuse(f"{self.file}: {section}", unknown_section(section))
            elif isinstance(value, dict):
                self.tables[section] = self._table(value, (section,), section, section)
            else:
                message = f"is a section: write [{section}] above its keys"
                self.refuse(f"{self.file}: {section}", message)

    def _table(
        self,
        written: Table,
        at: Location,
        label: str,
        section: str,
        made_of: type[object] | None = None,
    ) -> Table:
        made_of = made_of or SECTIONS[section]
        known = keys_of(made_of)
        table: Table = {}
        for spelling, value in written.items():
            where = f"{self.file}: {label}.{spelling}"
            if (key := known.get(spelling)) is None:
                self.refuse(where, unknown_key(spelling, section, made_of))
                continue
            self.add(table, at, key, spelling, value, where)
            if key.rows is not None and isinstance(value, list):
                table[key.name] = [
                    self._table(
                        row,
                        (*at, key.name, number),
                        f"{label}.{key.name}[{number + 1}]",
                        f"{section}.{key.name}",
                        key.rows,
                    )
                    if isinstance(row, dict)
                    else row
                    for number, row in enumerate(value)
                ]
        return table

    def _organizations(self, listed: Any) -> list[Table]:
        if isinstance(listed, dict):
            message = "is a list: write [[organization]], in double brackets"
            self.refuse(f"{self.file}: organization", message)
            listed = [listed]
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        return [
            self._table(
                row, ("organizations", number), organization_label(row, number), "organization"
            )
            for number, row in enumerate(rows)
        ]


class VariablesSource(Source):
    """CALSCIM_* variables, with the file's organizations below those that variables concern."""

    def __init__(
        self, settings: type[BaseSettings], file: FileSource, environ: Mapping[str, str]
    ) -> None:
        super().__init__(settings, file.path, environ)
        self._rows: list[Table] = [{} for _ in file.tables.get("organizations", ())]
        self._numbers = {
            spelled(name_of(row)): number
            for number, row in enumerate(file.tables.get("organizations", ()))
            if name_of(row)
        }
        self._find_new(environ)
        self._places = {
            f"{_PREFIX}{section}_{spelling}".upper(): (section, key, spelling)
            for section, made_of in SECTIONS.items()
            if made_of is not ORGANIZATION
            for spelling, key in keys_of(made_of).items()
        }
        self._organization_places = {
            f"{_ORGANIZATION}{name}_{spelling.upper()}": (number, key, spelling)
            for name, number in self._numbers.items()
            for spelling, key in keys_of(ORGANIZATION).items()
        }
        for variable, text in sorted(environ.items()):
            is_ours = variable.startswith(_PREFIX) and variable not in _OTHERS
            # A compose file's `${X:-}` leaves an empty variable.
            if is_ours and text and not _KUBERNETES.match(variable):
                self._place(variable, VariableText(text))
        if self._rows:
            written: list[Table] = file.tables.get("organizations", [])
            written += [{}] * (len(self._rows) - len(written))
            self.tables["organizations"] = [
                below | over for below, over in zip(written, self._rows, strict=True)
            ]

    def _find_new(self, environ: Mapping[str, str]) -> None:
        """Add the organizations that variables alone configure."""
        for variable in sorted(environ):
            match = re.match(r"^CALSCIM_ORGANIZATION_(\w+)_ORGANIZATION_ID$", variable)
            if match and match[1] not in self._numbers:
                self._numbers[match[1]] = number = len(self._rows)
                self._rows.append({"name": match[1].lower().replace("_", "-")})
                self.written_at["organizations", number, "name"] = f"{_ORGANIZATION}{match[1]}"

    def _place(self, variable: str, text: VariableText) -> None:
        if place := self._places.get(variable):
            section, key, spelling = place
            table = self.tables.setdefault(section, {})
            self.add(table, (section,), key, spelling, text, variable)
        elif of := self._organization_places.get(variable):
            number, key, spelling = of
            table = self._rows[number]
            self.add(table, ("organizations", number), key, spelling, text, variable)
        else:
            self.refuse(variable, self._unknown(variable))

    def _unknown(self, variable: str) -> str:
        is_of_organization = variable.startswith(_ORGANIZATION)
        known = self._organization_places if is_of_organization else {*self._places, *_OTHERS}
        if near := get_close_matches(variable, known, n=1):
            return f"is not a variable of calscim: did you mean {near[0]}?"
        if not is_of_organization:
            return "is not a variable of calscim: write CALSCIM_<SECTION>_<KEY>, or remove it"
        names = ", ".join(sorted(self._numbers)) or "none"
        return (
            f"names no organization that is configured (as variables spell them: {names}): "
            f"write {_ORGANIZATION}<NAME>_<KEY>"
        )


def organization_label(table: Table, number: int) -> str:
    """Return an organization as error messages name it."""
    name = name_of(table)
    return f"organization.{name}" if name else f"organization[{number + 1}]"


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

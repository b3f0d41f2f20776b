"""Makes Settings of a TOML file, variables and secret files; finds everything wrong before it refuses."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from calscim.config import cross_checks, environment
from calscim.config.addresses import url_of
from calscim.config.environment import Given, Table, spelled
from calscim.config.model import Attribute, Organization, Scim, Settings
from calscim.config.options import ATTRIBUTE, ORGANIZATION, SECTIONS, Option, Place, Section
from calscim.config.types import FILES, is_secret
from calscim.errors import ConfigError, Problem
from calscim.names import attribute_key

SEARCHED = (Path("config/calscim.toml"), Path("/etc/calscim/calscim.toml"))

_NO_FILE = f"no configuration file ({' or '.join(map(str, SEARCHED))}, or name one with --config)"


def find(named: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: the one named, $CALSCIM_CONFIG, ./config, /etc/calscim; None for none."""
    chosen = named or environ.get("CALSCIM_CONFIG")
    if chosen:
        return Path(chosen).expanduser()
    return next((path for path in SEARCHED if path.exists()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Raises ConfigError with every problem found. ``path`` None: variables alone."""
    return _Loader(path, environ).settings()


def secret_files(path: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """The files that ``load`` reads secrets from; the configuration itself where a secret stands in it."""
    loader = _Loader(path, environ)
    loader.settings()
    return loader.secret_files


class _Loader:
    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._folder = path.absolute().parent if path else Path.cwd()
        self._credentials = environ.get("CREDENTIALS_DIRECTORY")
        self._environ = environ
        self._problems: list[Problem] = []
        self.secret_files: list[Path] = []

    def settings(self) -> Settings:
        document = self._document()
        tables = {section.name: self._table(section, document) for section in SECTIONS}
        organizations = self._organizations(document)
        given = environment.sort(self._environ, [_name(table) for table in organizations])
        self._problems.extend(given.problems)
        made: dict[str, Any] = {}
        wrong: list[cross_checks.Wrong] = []
        for section in SECTIONS:
            table = self._merged(section, tables[section.name], given.sections.get(section.name))
            made[section.name] = self._made(section, table, section.name)
            if section.name == "scim" and made["scim"] and "public_url" not in table:
                made["scim"] = _reachable(made["scim"])
            wrong += cross_checks.of_keys(section.name, table.keys())
        made["organizations"] = self._made_organizations(organizations, given.organizations)
        wrong += cross_checks.of_values(made)
        self._problems += [Problem(f"{self._file}: {key}", message) for key, message in wrong]
        if not self._problems:
            return Settings(**made)
        raise ConfigError(self._problems)

    @property
    def _file(self) -> str:
        return str(self._path) if self._path else _NO_FILE

    def _problem(self, where: str, message: str) -> None:
        self._problems.append(Problem(where, message))

    # ------------------------------------------------------------ the file

    def _document(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            message = f"cannot be read ({error.strerror}): name a file with --config FILE"
        except UnicodeDecodeError:
            message = "is not UTF-8 text: save it as UTF-8"
        except tomllib.TOMLDecodeError as error:
            message = f"is not TOML: {error}"
        raise ConfigError([Problem(self._file, message)])

    def _table(self, section: Section, document: dict[str, Any]) -> Table:
        table = document.pop(section.name, {})
        if not isinstance(table, dict):
            self._problem(
                f"{self._file}: {section.name}",
                f"is a section: write [{section.name}] above its keys",
            )
            return {}
        return self._known(section, table, section.name)

    def _organizations(self, document: dict[str, Any]) -> list[Table]:
        listed = document.pop("organization", [])
        self._refuse_others(document)
        if isinstance(listed, dict):
            self._problem(
                f"{self._file}: organization",
                "is a list: write [[organization]], in double brackets",
            )
            listed = [listed]
        tables = []
        for number, table in enumerate(listed if isinstance(listed, list) else [], start=1):
            if isinstance(table, dict):
                label = table.get("name") if isinstance(table.get("name"), str) else None
                tables.append(self._known(ORGANIZATION, table, _label(label, number)))
        return tables

    def _known(self, section: Section, table: dict[str, Any], label: str) -> Table:
        known: Table = {}
        for key, value in table.items():
            where = f"{self._file}: {label}.{key}"
            if key in section.keys:
                known[key] = Given(where, value)
            else:
                self._problem(where, _unknown_key(key, section))
        return known

    def _refuse_others(self, document: dict[str, Any]) -> None:
        names = [section.name for section in (*SECTIONS, ORGANIZATION)]
        for name in document:
            near = get_close_matches(name, names, n=1)
            home = [section.name for section in SECTIONS if name in section.keys]
            if near:
                hint = f"did you mean {_brackets(near[0])}?"
            elif home:
                hint = f"it belongs under {_brackets(home[0])}"
            else:
                hint = f"the sections are {', '.join(names)}"
            self._problem(f"{self._file}: {name}", f"is not known: {hint}")

    # ------------------------------------------------------------ variables over the file

    def _merged(self, section: Section, table: Table, over: Table | None) -> Table:
        merged = dict(table)
        for key, given in (over or {}).items():
            option = next(option for option in section.options if key in option.spellings)
            for spelling in option.spellings:  # a variable for x also replaces the file's x_file
                if spelling in merged and not merged[spelling].from_variable:
                    del merged[spelling]
            merged[key] = given
        return merged

    def _made_organizations(
        self, tables: Sequence[Table], over: dict[str, Table]
    ) -> tuple[Organization, ...]:
        rows = [(_name(table), table) for table in tables]
        names = {spelled(name) for name, _ in rows}
        for name, table in over.items():
            if name not in names:  # configured by variables alone
                lower = name.lower().replace("_", "-")
                rows.append(
                    (lower, {"name": Given(f"CALSCIM_ORGANIZATION_{name}", lower), **table})
                )
        self._refuse_doubles([name for name, _ in rows if name])
        made = []
        for number, (name, table) in enumerate(rows, start=1):
            merged = self._merged(ORGANIZATION, table, over.get(spelled(name)) if name else None)
            organization = self._made(ORGANIZATION, merged, _label(name, number))
            if organization is not None:
                made.append(organization)
        return tuple(made)

    def _refuse_doubles(self, names: list[str]) -> None:
        for name, count in Counter(names).items():
            if count > 1:
                self._problem(
                    f"{self._file}: organization.{name}",
                    f"stands {count} times: give each organization a name of its own",
                )
        spellings: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            spellings.setdefault(spelled(name), []).append(name)
        for spelling, same in spellings.items():
            if len(same) > 1:
                self._problem(
                    f"{self._file}: organization.{same[1]}",
                    f"{' and '.join(same)} are both {spelling} as variables: rename one",
                )

    # ------------------------------------------------------------ values

    def _made(self, section: Section, table: Table, label: str) -> Any:
        """The section's dataclass, or None when something about it was wrong."""
        before = len(self._problems)
        made: dict[str, Any] = {}
        for option in section.options:
            given = [(key, table[key]) for key in option.spellings if key in table]
            if len(given) > 1:
                self._problem(
                    given[0][1].where, f"and {given[1][0]} are both given: leave one of them out"
                )
            elif given:
                made[option.name] = self._value(option, *given[0])
            elif option.name in section.required:
                wanted = " or ".join(option.spellings)
                self._problem(
                    f"{self._file}: {label}.{option.key}", f"is missing: write {wanted} = ..."
                )
        return section.made_of(**made) if len(self._problems) == before else None

    def _value(self, option: Option, key: str, given: Given) -> Any:
        try:
            self._remember_secret(option, key, given)
            if option.place is Place.TABLES:
                return self._attributes(option.kind.read(given.value), given.where)
            if option.place is Place.SECRETS and key != option.key:
                return self._each(option, given)
            return self._read(option, key, given.value)
        except OSError as error:
            self._problem(given.where, _unreadable(error))
        except ValueError as error:
            self._problem(given.where, str(error))
        return None

    def _remember_secret(self, option: Option, key: str, given: Given) -> None:
        """Remember which file holds the secret: a separate file, or the configuration."""
        if not option.is_secret:
            return
        if option.place is Place.FILE or key != option.key:
            named = given.value if isinstance(given.value, list) else [given.value]
            self.secret_files += [self._located(one) for one in named if isinstance(one, str)]
        elif self._path is not None and not given.from_variable and is_secret(given.value):
            self.secret_files.append(self._path)

    def _attributes(self, tables: list[dict[str, Any]], where: str) -> tuple[Attribute, ...]:
        """The organization's table of attributes, each row with problems of its own."""
        label = where.removeprefix(f"{self._file}: ")
        made = []
        for number, table in enumerate(tables, start=1):
            known = self._known(ATTRIBUTE, table, f"{label}[{number}]")
            made.append(self._made(ATTRIBUTE, known, f"{label}[{number}]"))
        targets = Counter(attribute_key(one.to) for one in made if one is not None)
        for target, count in targets.items():
            if count > 1:
                self._problem(where, f"has {count} rows to {target}: leave one of them")
        return tuple(one for one in made if one is not None)

    def _each(self, option: Option, given: Given) -> Any:
        """A list of files, each with a problem of its own."""
        found: list[str] = []
        for place, file in enumerate(FILES.read(given.value)):
            where = f"{given.where}[{place}]"
            try:
                text = self._secret(file)
                option.kind.read([text])
                found.append(text)
            except OSError as error:
                self._problem(where, _unreadable(error))
            except ValueError as error:
                self._problem(where, str(error))
        return option.kind.read(found)

    def _read(self, option: Option, key: str, written: object) -> Any:
        if key != option.key:
            return option.kind.read(self._secret(written))
        value = option.kind.read(written)
        if option.place is Place.FOLDER:
            return self._folder / Path(value).expanduser()
        if option.place is Place.FILE:
            path = self._located(value)
            with path.open("rb"):
                return path
        return value

    def _secret(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError("names no file: write the path of a file in quotes")
        path = self._located(value)
        try:
            text = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text: write the secret alone into it") from None
        if not text:
            raise ValueError(f"{path} is empty: write the secret into it")
        if len(text.split()) > 1:
            raise ValueError(f"{path} holds more than one word: write the secret alone into it")
        return text

    def _located(self, value: str) -> Path:
        path = Path(value).expanduser()
        if path.is_absolute():
            return path
        if self._credentials and (Path(self._credentials) / path).exists():
            return Path(self._credentials) / path
        return self._folder / path


def _reachable(scim: Scim) -> Scim:
    """With the public URL that follows from the listener; the default where none does."""
    scheme = "http" if scim.tls_certificate_file is None else "https"
    return replace(scim, public_url=url_of(scim.listen, scheme) or scim.public_url)


def _unreadable(error: OSError) -> str:
    return (
        f"{error.filename} cannot be read ({error.strerror}): correct the path, "
        "or let the user that calscim runs as read it"
    )


def _name(table: Table) -> str:
    value = table["name"].value if "name" in table else ""
    return value if isinstance(value, str) else ""


def _label(name: str | None, number: int) -> str:
    return f"organization.{name}" if name else f"organization[{number}]"


def _brackets(section: str) -> str:
    return f"[[{section}]]" if section.startswith("organization") else f"[{section}]"


def _unknown_key(key: str, section: Section) -> str:
    near = get_close_matches(key, section.keys, n=1)
    if near:
        return f"is not known: did you mean {near[0]}?"
    homes = [other.name for other in (*SECTIONS, ORGANIZATION) if key in other.keys]
    if homes:
        return f"is not known here: it belongs under {_brackets(homes[0])}"
    return f"is not known: {_brackets(section.name)} has {', '.join(section.keys)}"

"""Makes Settings of a TOML file, variables and secret files; finds everything wrong before it refuses."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from calscim.config.contradictions import contradictions, public_url
from calscim.config.keys import ORGANIZATION, SECTIONS, Key, keys_of
from calscim.config.model import Settings
from calscim.config.sources import (
    SEARCHED,
    FileSource,
    Location,
    Source,
    VariablesSource,
    organization_label,
)
from calscim.config.values import NamedFile, Place, is_secret
from calscim.errors import ConfigError, Problem
from calscim.option_types import VariableText
from calscim.planner.policy import AttributeRule


def find(named: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file: the one named, $CALSCIM_CONFIG, ./config, /etc/calscim; None if there is none."""
    chosen = named or environ.get("CALSCIM_CONFIG")
    if chosen:
        return Path(chosen).expanduser()
    return next((path for path in SEARCHED if path.exists()), None)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings; raise ConfigError with every problem. ``path`` None: variables alone."""
    return _Reading(path, environ).settings()


def secret_files(path: Path | None, environ: Mapping[str, str]) -> list[Path]:
    """Return the files that ``load`` reads secrets from; the configuration itself if a secret stands in it."""
    reading = _Reading(path, environ)
    reading.settings()
    return list(reading.secret_files())


class Configuration(BaseSettings):
    """What pydantic-settings fills from the sources of one reading."""

    model_config = SettingsConfigDict(validate_default=False)

    settings: Settings


class _Derived(Source):
    """The lowest source: values that follow from others."""

    def __call__(self) -> dict[str, Any]:
        tables = self.current_state.get("settings", {})
        url = public_url(tables.get("scim", {}))
        return {"settings": {"database": {}} | ({"scim": {"public_url": url}} if url else {})}


class _Reading:
    """One reading of the sources."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._file = FileSource(Configuration, path, environ)
        self._variables = VariablesSource(Configuration, self._file, environ)
        self._derived = _Derived(Configuration, path, environ)

    @property
    def _tables(self) -> dict[str, Any]:
        """What both sources gave."""
        tables: dict[str, Any] = self._derived.current_state["settings"]
        return tables

    def settings(self) -> Settings:
        sources = (self._variables, self._file, self._derived)
        problems: list[Problem] = []
        try:
            settings = Configuration(_build_sources=(sources, {})).settings  # type: ignore[call-arg]
        except ValidationError as error:
            problems += [self._problem(one) for one in error.errors(include_url=False)]
        problems += [
            Problem(f"{self._file.file}: {key}", message)
            for key, message in contradictions(self._tables)
        ]
        problems += [*self._file.problems, *self._variables.problems]
        if problems:
            raise ConfigError(sorted(problems, key=lambda one: one.where))
        return settings

    def secret_files(self) -> Iterator[Path]:
        for section, made_of in SECTIONS.items():
            if made_of is ORGANIZATION:
                for table in self._tables.get("organizations", ()):
                    yield from self._secrets_in(table, made_of)
            else:
                yield from self._secrets_in(self._tables.get(section, {}), made_of)

    def _secrets_in(self, table: dict[str, Any], made_of: type[object]) -> Iterator[Path]:
        keys: dict[str, Key] = {key.name: key for key in keys_of(made_of).values()}
        for key in keys.values():
            if key.name not in table or key.place in {None, Place.FILE}:
                continue
            values = table[key.name] if isinstance(table[key.name], list) else [table[key.name]]
            for value in values:
                if isinstance(value, NamedFile):
                    yield value.located()
                elif not isinstance(value, VariableText) and is_secret(value) and self._file.path:
                    yield self._file.path

    # ------------------------------------------------------------------ messages

    def _problem(self, error: ErrorDetails) -> Problem:
        at = error["loc"][1:]
        if error["type"] == "missing":
            key = keys_of(AttributeRule if "attributes" in at else ORGANIZATION)[str(at[-1])]
            return Problem(self._where(at), f"is missing: write {' or '.join(key.spellings)} = ...")
        cause = error.get("ctx", {}).get("error")
        return Problem(self._where(at), str(cause or error["msg"]))

    def _where(self, at: Location) -> str:
        """Return where the value, or the list that it is in, was written: the variable, or the key in the file."""
        for end in (len(at), len(at) - 1):
            where = self._variables.written_at.get(at[:end]) or self._file.written_at.get(at[:end])
            if where and all(isinstance(one, int) for one in at[end:]):
                is_list_of_files = where.lower().endswith("_files")
                return where + "".join(f"[{one}]" for one in at[end:] if is_list_of_files)
        return f"{self._file.file}: {self._label(at)}"

    def _label(self, at: Location) -> str:
        """Return a key that was not written, as ``organization.acme.api_key``."""
        if at[0] != "organizations":
            return ".".join(map(str, at))
        number = int(at[1])
        label = organization_label(self._tables["organizations"][number], number)
        rest = (f"[{one + 1}]" if isinstance(one, int) else f".{one}" for one in at[2:])
        return label + "".join(rest)

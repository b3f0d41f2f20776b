"""Reads Settings from a TOML file, variables and secret files. Reports all problems together."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from calscim.config.contradictions import contradictions, public_url
from calscim.config.effective import EffectiveKey, effective_keys, written_keys
from calscim.config.keys import LISTS, SECTIONS, keys_of, section_of
from calscim.config.model import Settings
from calscim.config.sources import (
    SEARCHED,
    FileSource,
    Location,
    Source,
    Table,
    VariablesSource,
    label,
)
from calscim.config.values import NamedFile, Place, is_secret
from calscim.errors import ConfigError, Problem
from calscim.option_types import VariableText


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
    """Return the files that ``load`` reads secrets from; the configuration itself if it contains a secret."""
    reading = _Reading(path, environ)
    reading.settings()
    return list(reading.secret_files())


def effective(
    path: Path | None, environ: Mapping[str, str], running: Settings | None = None
) -> list[EffectiveKey]:
    """Return every key with its value and where the value comes from. Raise ConfigError like ``load``.

    ``running``: show the values of these settings, which a daemon has read before, instead of reading them now.
    """
    reading = _Reading(path, environ)
    return list(effective_keys(running or reading.settings(), reading.origin))


def written(path: Path | None, environ: Mapping[str, str]) -> list[EffectiveKey]:
    """Return the values that file and variables give, unchecked. For a configuration that ``effective`` refuses.

    Raise ConfigError if the file cannot be read at all.
    """
    reading = _Reading(path, environ)
    with suppress(ConfigError):
        reading.settings()
    return list(reading.written())


class Configuration(BaseSettings):
    """What pydantic-settings fills from the sources of one reading."""

    model_config = SettingsConfigDict(validate_default=False)

    settings: Settings


class _Derived(Source):
    """The source with the lowest priority: defaults that follow from other values."""

    def __call__(self) -> dict[str, Any]:
        tables = self.current_state["settings"]
        urls = {one: public_url(tables[one]) for one in ("scim", "console") if one in tables}
        return {"settings": {one: {"public_url": url} for one, url in urls.items() if url}}


class _Reading:
    """One reading of file and variables."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._file = FileSource(Configuration, path, environ)
        self._variables = VariablesSource(Configuration, path, environ, self._file)
        self._derived = _Derived(Configuration, path, environ)

    def settings(self) -> Settings:
        """Return the settings; raise ConfigError with every problem."""
        sources = (self._variables, self._file, self._derived)
        problems = [*self._file.problems, *self._variables.problems]
        try:
            settings = Configuration(_build_sources=(sources, {})).settings  # type: ignore[call-arg]
        except ValidationError as error:
            problems += [self._problem(one) for one in error.errors(include_url=False)]
        problems += [
            Problem(f"{self._file.file}: {key}", message)
            for key, message in contradictions(self._tables)
        ]
        if problems:
            raise ConfigError(sorted(problems, key=lambda one: one.where))
        return settings

    @property
    def _tables(self) -> dict[str, Any]:
        """The merged tables of file and variables."""
        tables: dict[str, Any] = self._derived.current_state["settings"]
        return tables

    def written(self) -> Iterator[EffectiveKey]:
        """Yield the values of file and variables, unchecked."""
        places = dict.fromkeys((*self._file.written_at, *self._variables.written_at))
        return written_keys(self._tables, places, self.origin)

    def origin(self, at: Location) -> str:
        """Return the variable or the key in the file that gave a value, or ``default``."""
        where = self._variables.written_at.get(at) or self._file.written_at.get(at)
        return "default" if where is None else where.removeprefix(f"{self._file.file}: ")

    def secret_files(self) -> Iterator[Path]:
        """Yield the files that secrets were read from, once for each secret."""
        for section in SECTIONS:
            outer, _, inner = section.partition(".")
            found = self._tables.get(LISTS.get(outer, outer), {})
            if inner:
                found = found.get(inner, {}) if isinstance(found, dict) else {}
            for table in found if isinstance(found, list) else [found]:
                yield from self._secrets_in(table, section)

    def _secrets_in(self, table: Table, section: str) -> Iterator[Path]:
        for spelling, key in keys_of(SECTIONS[section]).items():
            if spelling not in table or key.place in {None, Place.FILE}:
                continue
            values = table[spelling] if isinstance(table[spelling], list) else [table[spelling]]
            for value in values:
                if isinstance(value, NamedFile):
                    yield value.located()
                elif self._path and not isinstance(value, VariableText) and is_secret(value):
                    yield self._path

    # ------------------------------------------------------------------ messages

    def _problem(self, error: ErrorDetails) -> Problem:
        at = error["loc"][1:]
        if error["type"] == "missing":
            first, *inner = (one for one in at[:-1] if isinstance(one, str))
            section = ".".join((section_of(first), *inner))
            key = keys_of(SECTIONS[section])[str(at[-1])]
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
        return f"{self._file.file}: {label(at, self._tables)}"

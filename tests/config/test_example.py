"""config/calscim.example.toml has every key with its default."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

from calscim.config import Database, Organization, Settings, load
from calscim.config.keys import OPTIONAL, SECTIONS, keys_of

EXAMPLE = Path(__file__).parents[2] / "config/calscim.example.toml"


def test_the_example_loads_and_has_the_defaults(tmp_path):
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/acme.key").write_text("cal_key")
    path = tmp_path / "calscim.toml"
    path.write_text(EXAMPLE.read_text())

    settings = load(path, {})

    expected = Settings(
        Database(dsn="postgresql://calscim@localhost/calscim"),
        organizations=(Organization("acme", 42, "cal_key"),),
    )
    assert settings == expected
    assert replace(settings, organizations=()) == Settings(settings.database)


def test_the_example_names_every_key_with_an_explanation():
    text = re.sub(
        r"^# (?=\w+ = |\[\[notify|\[console)", "", EXAMPLE.read_text(), flags=re.MULTILINE
    )
    document = tomllib.loads(text)

    for section, made_of in SECTIONS.items():
        if section == "organization.attributes":  # all commented out
            continue
        outer, _, inner = section.partition(".")
        table = document[outer][inner] if inner else document[outer]
        keys = set(table[0] if isinstance(table, list) else table)
        for key in keys_of(made_of).values():
            if f"{section}.{key.name}" in OPTIONAL:
                continue
            assert keys & set(key.spellings), f"{section}.{key.name}"
    lines = [line for line in text.splitlines() if re.match(r"\w+ = ", line)]
    unexplained = [line for line in lines if "  # " not in line]
    assert unexplained == ['tls_key_file = "tls.key"']  # the line above speaks of both

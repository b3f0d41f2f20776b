"""The container image as its Containerfile describes it, and the configuration that a container gets."""

import re
from collections.abc import Mapping
from pathlib import Path

from calscim.cli.main import one_verb, verb_in
from calscim.config import Settings, load

PACKAGING = Path(__file__).parents[2] / "packaging"
CONTAINERFILE = (PACKAGING / "container" / "Containerfile").read_text("utf-8")


def image_environment() -> dict[str, str]:
    """Return the variables that the image sets for calscim."""
    (block,) = re.findall(r"^ENV ((?:PATH)(?:.*\\\n)*.*)$", CONTAINERFILE, re.MULTILINE)
    pairs = re.findall(r"(\w+)=(\S+)", block)
    return {name: value for name, value in pairs if name != "PATH"}


def load_in_container(
    variables: Mapping[str, str], secrets: Mapping[str, str], folder: Path
) -> Settings:
    """Load the configuration as a container with the variables does, with its secrets in a folder of the test."""
    for name, value in secrets.items():
        (folder / name).write_text(value, encoding="utf-8")
    environ = {**image_environment(), **variables, "CREDENTIALS_DIRECTORY": str(folder)}
    return load(None, environ)


def parse_command(command: list[str]) -> str:
    """Parse a command line as calscim does, and return its verb. A wrong command line raises SystemExit."""
    verb = verb_in(command)
    one_verb(verb).parse_args(command)
    assert verb is not None
    return verb

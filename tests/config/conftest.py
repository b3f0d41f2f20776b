"""A configuration in a temporary folder, and the problems of one."""

import pytest

from calscim.config import Settings, load
from calscim.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    def read(text: str, **variables: str) -> Settings:
        path = tmp_path / "calscim.toml"
        path.write_text(text)
        return load(path, variables)

    return read


@pytest.fixture
def wrong(read, tmp_path):
    """Return the problems of a configuration, as ``key: message`` without the file's name."""

    def wrong(text: str, **variables: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, **variables)
        return [
            str(problem).removeprefix(f"{tmp_path}/calscim.toml: ")
            for problem in caught.value.problems
        ]

    return wrong

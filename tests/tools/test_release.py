"""The functions of `make release` that only transform text."""

from datetime import date

import pytest

from tools.release import (
    ReleaseError,
    check_is_new,
    parse_version,
    with_image_version,
    with_section,
    with_version,
)

DAY = date(2027, 1, 31)
CHANGELOG = """\
# Changelog

## Unreleased

### Added

- A thing.

### Changed

### Fixed

- A fault.

## 0.1.0 (2026-12-01)

### Added

- All of it.
"""


def test_a_version_has_three_numbers():
    assert parse_version("1.20.3") == (1, 20, 3)


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "1.2.3rc1", "01.2.3", "1.2.3\n", ""])
def test_other_versions_are_refused(text):
    with pytest.raises(ReleaseError, match=r"form x\.y\.z"):
        parse_version(text)


@pytest.mark.parametrize("tags", [[], ["v0.9.0", "v0.10.0"], ["nightly", "v9", "1.9.0"]])
def test_a_version_above_every_release_is_new(tags):
    check_is_new("0.11.0", tags)


@pytest.mark.parametrize("version", ["0.10.0", "0.9.1"])
def test_a_released_or_older_version_is_refused(version):
    with pytest.raises(ReleaseError, match=r"0\.10\.0 is released already"):
        check_is_new(version, ["v0.9.0", "v0.10.0"])


def test_the_version_in_the_module_is_replaced():
    assert with_version('"""x"""\n\n__version__ = "0.1.0"\n', "0.2.0") == (
        '"""x"""\n\n__version__ = "0.2.0"\n'
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("image: registry.example.com/calscim:0.1.0", "image: registry.example.com/calscim:0.2.0"),
        ("ARG VERSION=0.1.0", "ARG VERSION=0.2.0"),
        ('newTag: "0.1.0" # not 0.1.0', 'newTag: "0.2.0" # not 0.1.0'),
    ],
)
def test_the_version_of_the_image_is_replaced(line, expected):
    assert with_image_version(line, "0.2.0") == expected


def test_a_file_without_a_version_of_the_image_is_refused():
    with pytest.raises(ReleaseError, match="names no version"):
        with_image_version("image: postgres:18", "0.2.0")


def test_a_module_without_a_version_is_refused():
    with pytest.raises(ReleaseError, match="exactly one line"):
        with_version("", "0.2.0")


def test_the_unreleased_entries_become_a_section_without_empty_headings():
    assert with_section(CHANGELOG, "0.2.0", DAY) == (
        """\
# Changelog

## Unreleased

## 0.2.0 (2027-01-31)

### Added

- A thing.

### Fixed

- A fault.

## 0.1.0 (2026-12-01)

### Added

- All of it.
"""
    )


def test_the_first_release_has_no_older_section():
    assert with_section("## Unreleased\n\n### Added\n\n- A thing.\n", "0.1.0", DAY) == (
        "## Unreleased\n\n## 0.1.0 (2027-01-31)\n\n### Added\n\n- A thing.\n"
    )


@pytest.mark.parametrize(
    ("changelog", "message"),
    [
        ("# Changelog\n", "has no line"),
        ("## Unreleased\n\n### Added\n\n## 0.1.0 (2026-12-01)\n\n- All of it.\n", "no entry"),
        (CHANGELOG.replace("0.1.0", "0.2.0"), "already"),
    ],
)
def test_a_changelog_with_nothing_to_release_is_refused(changelog, message):
    with pytest.raises(ReleaseError, match=message):
        with_section(changelog, "0.2.0", DAY)

"""Write build/pages and build/zensical.toml, and build the site of the documentation from them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import tomlkit

from calscim import __version__
from tools.site import navigation, pages
from tools.site.pages import ROOT
from tools.site.requests import foreign

BUILD = ROOT / "build"
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Build the site. Return 0, or 1 after printing what is wrong with it."""
    pages.write(BUILD / "pages")
    settings = tomlkit.parse((ROOT / "zensical.toml").read_text(encoding="utf-8")).unwrap()
    project = settings["project"]
    project["copyright"] = project["copyright"].format(version=__version__)
    project["nav"] = navigation.expand(project["nav"], BUILD / "pages")
    lost = navigation.missing(project["nav"], BUILD / "pages")
    if lost:
        print(f"Not in the navigation: {', '.join(lost)}. Name them in `nav` in zensical.toml.")
        return 1
    config = BUILD / "zensical.toml"
    config.write_text(tomlkit.dumps(settings), encoding="utf-8")
    failed = _generate(config)
    requests = [] if failed else foreign(BUILD / "site")
    for request in requests:
        print(f"A page makes a request to another host: {request}. Copy the file to the site.")
    if failed or requests:
        return 1
    print("Open build/site/index.html in a browser.")
    return 0


def _generate(config: Path) -> int:
    """Run the generator. Print what it complains of, without its colors and its traceback."""
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file"]
    built = subprocess.run(
        [*command, str(config)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    complaints = _COLORS.sub("", built.stderr).partition("Traceback (most recent call last)")[0]
    print(built.stdout + complaints, end="")
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())

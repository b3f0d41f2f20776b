"""Write the pictures of docs/guide/console.md (`make screenshots`).

The pictures show the real console of `calscim run`, with people that a scripted Okta pushes, in Debian's Chromium.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from playwright.async_api import Page, async_playwright

from calscim.testing.okta.client import Okta

IMAGES = Path(__file__).parents[1] / "docs/images"
PEOPLE = {
    "amy": ("Amy", "Adler"),
    "ben": ("Ben", "Brandt"),
    "cleo": ("Cleo", "Castro"),
    "dara": ("Dara", "Doyle"),
    "eli": ("Eli", "Ekman"),
    "fay": ("Fay", "Fischer"),
}
SIZE = {"width": 1200, "height": 760}
NAMES = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[str]:
    """Yield what `calscim run` prints, as one text."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("CALSCIM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "calscim", "run", "--data", str(folder), "--port", "0",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environ, cwd=folder,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        printed = ""
        while "Stop with" not in printed:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            if not line:
                raise RuntimeError("calscim run ended: run it by hand to see why")
            printed += line.decode()
        yield printed
    finally:
        process.terminate()
        await process.wait()


async def push(base_url: str, token: str, calcom: str) -> None:
    """Let Okta push people and groups, wait for Cal.com, then empty a group so that its removals are held."""
    async with aiohttp.ClientSession() as session:
        okta = Okta(session, base_url, token)
        for name, (given, family) in PEOPLE.items():
            await okta.assign(f"{name}@acme.example", given, family)
        addresses = [f"{name}@acme.example" for name in PEOPLE]
        await okta.push_group("Sales", addresses)
        await okta.push_group("Engineering", addresses[:2])
        await okta.push_group("Sales EMEA", addresses[2:5])
        while len((await _state(session, calcom))["teams"]["Sales"]) < len(PEOPLE):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.2)
        await okta.push_now("Sales", addresses[:1])


async def _state(session: aiohttp.ClientSession, calcom: str) -> dict[str, dict[str, list[str]]]:
    async with session.get(calcom) as answer:
        return dict(json.loads(await answer.text()))


async def take(page: Page, name: str, *, whole: bool = False) -> None:
    """Write one picture."""
    path = IMAGES / f"console-{name}.png"
    await page.screenshot(path=path, full_page=whole)
    print(f"wrote {path}", file=sys.stderr)


async def pictures(link: str) -> None:
    """Open the pages and take the pictures."""
    program = next((path for one in NAMES if (path := shutil.which(one))), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await browser.new_page(viewport=SIZE, color_scheme="light")
        await page.goto(link)
        await page.get_by_role("link", name="Look at it").wait_for()
        await take(page, "overview")
        await page.get_by_role("link", name="Look at it").click()
        await take(page, "plan")
        await page.get_by_role("link", name="Mapping", exact=True).click()
        row = page.locator("tr[data-team-id]").filter(has_text="Engineering").first
        await row.get_by_role("button", name="Add group name").click()
        await page.get_by_label("Group name").fill("Sales EMEA")
        await page.get_by_role("button", name="Preview").click()
        await page.get_by_role("region", name="Preview").wait_for()
        await take(page, "mapping", whole=True)
        await page.goto(link.partition("/sign-in")[0] + "/people?q=cleo")
        await page.get_by_role("link", name="Cleo Castro").click()
        await take(page, "person")
        await browser.close()


async def main() -> None:
    """Run calscim, fill it, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="calscim-screenshots-", ignore_cleanup_errors=True
    ) as made:
        Path(made).chmod(0o755)  # the bundled Postgres runs as another user if this is root
        async with running(Path(made)) as printed:
            found = dict(
                re.findall(
                    r"^(SCIM Base URL|Bearer Token|simulated Cal.com|console) +(\S+)",
                    printed,
                    re.MULTILINE,
                )
            )
            await push(found["SCIM Base URL"], found["Bearer Token"], found["simulated Cal.com"])
            await pictures(found["console"])


if __name__ == "__main__":
    asyncio.run(main())

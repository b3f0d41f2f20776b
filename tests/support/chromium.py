"""A real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
MISSING = "no Chromium is installed (apt-get install chromium)"


@asynccontextmanager
async def browsing(**options: object) -> AsyncIterator[BrowserContext]:
    """Yield a context of the browser: what one person sees, with own cookies."""
    async with async_playwright() as playwright:
        # Containers and root have no sandbox; the pages come from the test's own daemon.
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield await browser.new_context(**options)
        finally:
            await browser.close()


def watch(page: Page) -> list[str]:
    """Return the list to which the browser's complaints about the page are added."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    return complaints

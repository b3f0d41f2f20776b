"""A real browser: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next((path for name in NAMES if (path := shutil.which(name))), None)
MISSING = "no Chromium is installed (apt-get install chromium)"


@asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """Yield a browser, which takes a second of CPU to start."""
    async with async_playwright() as playwright:
        # Containers and root have no sandbox; the pages come from the test's own daemon.
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browsing(browser: Browser | None = None, **options: Any) -> AsyncIterator[BrowserContext]:
    """Yield a context of the browser, or of a new one: what one person sees, with own cookies."""
    if browser is None:
        async with running() as own:
            yield await own.new_context(**options)
    else:
        async with await browser.new_context(**options) as context:
            yield context


def watch(page: Page) -> list[str]:
    """Return the list to which the browser's complaints about the page are added."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    return complaints

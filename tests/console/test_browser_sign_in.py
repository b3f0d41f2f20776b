"""Sign-in in a real browser, with an OpenID provider that nobody here wrote."""

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.async_api import expect

from tests.support import chromium
from tests.support.console_site import free_port
from tests.support.deployment import deployed

pytestmark = [
    pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.MISSING),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the provider's library
]
ANN = User(sub="00uann", claims={"email": "ann@acme.example", "groups": ["Calendar admins"]})
BOB = User(sub="00ubob", claims={"email": "bob@acme.example", "groups": ["Sales"]})


@pytest.fixture
def provider():
    with run_server_in_thread(user_claims=(ANN, BOB), require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def console(database, tmp_path, provider):
    async with deployed(tmp_path, database.dsn, database.dsn) as site:
        at = f"127.0.0.1:{free_port()}"
        with site.configuration.open("a") as written:
            written.write(
                f"""
                [console]
                listen = "{at}"
                [console.oidc]
                issuer = "{provider}"
                client_id = "calscim"
                client_secret = "secret"
                operators = ["Calendar admins"]
                """
            )
        await site.start()
        yield f"http://{at}"


async def test_a_person_signs_in_and_out(console):
    async with chromium.browsing() as context:
        page = await context.new_page()
        await page.goto(f"{console}/plan")
        await page.get_by_role("link", name="Sign in with").click()
        await page.get_by_role("button", name="00uann").click()
        await expect(page.get_by_role("heading", name="Plan")).to_be_visible()
        await expect(page.get_by_text("ann@acme.example (operator)")).to_be_visible()

        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await page.goto(console)
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_person_without_a_role_and_a_refusal_are_clear_pages(console):
    async with chromium.browsing() as context:
        page = await context.new_page()
        await page.goto(f"{console}/sign-in/begin")
        await page.get_by_role("button", name="00ubob").click()
        await expect(page.get_by_role("alert")).to_contain_text("bob@acme.example has no role")

        await page.goto(f"{console}/sign-in/begin")
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("alert")).to_contain_text("The provider refused the sign-in")

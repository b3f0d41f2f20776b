"""Sign-in with OpenID Connect: what has to match, who gets which role, and what a broken provider does."""

import base64
import hashlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from calscim.config import Oidc
from calscim.console.sign_in import MAX_FAILURES
from tests.support.console_site import console_site
from tests.support.openid import CLIENT, SECRET, openid

ROLES = {
    "viewers": ("Everyone",),
    "operators": ("Calendar admins",),
    "admins": ("Ann@Acme.example",),
}


@pytest.fixture
async def provider():
    async with openid() as made:
        yield made


@pytest.fixture
async def site(db, provider):
    oidc = Oidc(issuer=provider.url, client_id=CLIENT, client_secret=SECRET, **ROLES)
    async with console_site(db, oidc=oidc) as made:
        yield made


async def begin(browser, target="/"):
    """Begin a sign-in, and return where the provider's page is."""
    answer = await browser.open(f"/sign-in/begin?next={target}", follow=False)
    return answer.headers.get("Location", answer.text)


async def sign_in(site, provider, browser=None):
    browser = browser or await site.browser()
    return await browser.open(provider.answer(await begin(browser)))


async def test_a_person_signs_in_and_lands_on_the_page_they_asked_for(site, provider):
    browser = await site.browser()
    assert urlsplit(provider.url).netloc in (await browser.open("/plan")).text

    answer = await browser.open(provider.answer(await begin(browser, "/plan")))

    assert answer.title == "Plan"
    assert "ann@acme.example" in answer.text
    assert "(admin)" in answer.text


async def test_the_request_has_pkce_state_and_nonce(site, provider):
    browser = await site.browser()
    await browser.open(provider.answer(await begin(browser)))

    asked, exchanged = provider.requests[0], provider.token_requests[0]
    digest = hashlib.sha256(exchanged["code_verifier"].encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid email profile"
    assert min(len(asked["state"]), len(asked["nonce"])) >= 43
    pair = base64.b64decode(provider.authorizations[0].removeprefix("Basic ")).decode()
    assert pair == "console:client%27s%20secret%2F%2B"


async def test_a_provider_without_basic_gets_the_secret_in_the_form(site, provider):
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert (await sign_in(site, provider)).status == 200
    assert provider.token_requests[0]["client_secret"] == SECRET
    assert provider.authorizations == [""]


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "ann@acme.example"}, "admin"),
        ({"email": "bob@acme.example", "groups": ["Calendar admins", "Everyone"]}, "operator"),
        ({"email": "bob@acme.example", "groups": "everyone"}, "viewer"),
        ({"email": "ann@acme.example", "email_verified": False, "groups": ["Everyone"]}, "viewer"),
        (
            {
                "preferred_username": "bob",
                "groups": [f"group{n}" for n in range(5_000)] + ["Everyone"],
            },
            "viewer",
        ),
    ],
)
async def test_groups_and_addresses_give_roles(site, provider, claims, role):
    provider.claims = claims

    assert f"({role})" in (await sign_in(site, provider)).text


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "bob via x", "groups": ["Everyone"]}, "00u1"),
        ({"sub": "eve via bob\n", "groups": ["Everyone"]}, "eve_via_bob"),
        ({"email": "ann@acme.example", "preferred_username": "bob"}, "ann@acme.example"),
    ],
)
async def test_a_person_cannot_choose_the_name_in_the_journal(site, provider, claims, name, owner):
    provider.claims = claims

    await sign_in(site, provider)

    person = await owner.fetchval("SELECT person FROM calscim.console_sessions")
    assert person.startswith(name)
    assert " " not in person
    assert person.isprintable()


async def test_groups_may_come_from_the_userinfo_endpoint(site, provider):
    provider.claims, provider.userinfo = {"email": "bob@acme.example"}, {"groups": ["Everyone"]}

    assert "(viewer)" in (await sign_in(site, provider)).text


async def test_userinfo_of_another_person_gives_nothing(site, provider):
    provider.claims = {"email": "bob@acme.example"}
    provider.userinfo = {"sub": "another", "groups": ["Everyone"]}

    assert (await sign_in(site, provider)).status == 403


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"email": "bob@acme.example"}, "is missing or empty"),
        ({"email": "bob@acme.example", "groups": ["Sales"]}, "none of the 1 groups"),
        ({"email": "ann@acme.example", "email_verified": False}, "is missing or empty"),
        ({"email": "ann@acme.example", "email_verified": "false"}, "is missing or empty"),
        ({"email": "bob@acme.example", "groups": {"not": "a list"}}, "is missing or empty"),
    ],
)
async def test_a_person_without_a_role_is_told_why(site, provider, claims, why):
    provider.claims = claims

    answer = await sign_in(site, provider)

    assert answer.status == 403
    assert why in answer.text
    assert "viewers, operators or admins" in answer.text


SPOILED = {
    "a nonce of another sign-in": lambda claims: claims.update(nonce="other"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "another audience": lambda claims: claims.update(aud="other"),
    "several audiences and no azp": lambda claims: claims.update(aud=[CLIENT, "other"]),
    "another azp": lambda claims: claims.update(azp="other"),
    "an expired token": lambda claims: claims.update(exp=int(time.time()) - 120),
    "no expiry": lambda claims: claims.pop("exp"),
    "no subject": lambda claims: claims.pop("sub"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
async def test_an_id_token_that_does_not_match_signs_no_one_in(site, provider, spoil):
    provider.spoil = spoil
    browser = await site.browser()

    with capture_logs() as logs:
        answer = await sign_in(site, provider, browser)

    assert answer.status == 403
    assert (await browser.open("/")).title == "Sign in"
    assert "console.sign_in_failed" in [line["event"] for line in logs]
    assert SECRET not in str(logs)


async def test_a_token_without_a_signature_signs_no_one_in(site, provider):
    def part(text):
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    provider.body = f'{{"id_token": "{part(chr(123) + chr(34) + "alg" + chr(34) + ":" + chr(34) + "none" + chr(34) + chr(125))}.{part("{}")}."}}'.encode()

    assert (await sign_in(site, provider)).status == 403


async def test_the_state_of_another_browser_is_refused(site, provider):
    browser, attacker = await site.browser(), await site.browser()
    callback = provider.answer(await begin(attacker))
    await begin(browser)

    answer = await browser.open(callback)

    assert answer.status == 403
    assert "did not begin this sign-in" in answer.text


async def test_a_callback_works_once(site, provider):
    browser = await site.browser()
    callback = provider.answer(await begin(browser))
    state = parse_qs(urlsplit(callback).query)["state"][0]
    await browser.open(callback)
    browser.session.cookie_jar.clear()
    browser.session.cookie_jar.update_cookies({"calscim_sign_in": state})

    answer = await browser.open(callback)

    assert answer.status == 403
    assert "used before" in answer.text


async def test_an_answer_of_another_issuer_is_refused(site, provider):
    browser = await site.browser()
    callback = provider.answer(await begin(browser)).replace(
        f"iss={provider.url}", "iss=https://evil.example"
    )

    assert "another provider" in (await browser.open(callback)).text


async def test_the_refusal_of_the_provider_is_shown_as_text(site, provider):
    browser = await site.browser()
    state = parse_qs(urlsplit(await begin(browser)).query)["state"][0]

    answer = await browser.open(
        f"/sign-in/callback?state={state}&error=access_denied&error_description=<script>alert(1)</script>"
    )

    assert answer.status == 403
    assert "&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text


async def test_new_keys_of_the_provider_are_downloaded(site, provider):
    assert (await sign_in(site, provider)).status == 200
    known = site.services.provider
    known._keys = (known._keys[0] - 120, known._keys[1])
    provider.rotate()

    assert (await sign_in(site, provider)).status == 200
    assert provider.key_downloads == 2


async def test_an_unknown_key_does_not_cause_a_download_each_time(site, provider):
    await sign_in(site, provider)
    provider.rotate()

    for _ in range(3):
        assert (await sign_in(site, provider)).status == 403
    assert provider.key_downloads == 1


BROKEN = {
    "not JSON": b"<html>login</html>",
    "a list": b"[]",
    "no ID token": b"{}",
    "an ID token that is too long": b'{"id_token": "a.' + b"x" * 400_000 + b'.c"}',
    "huge": b'{"id_token": "' + b"x" * 2_000_000 + b'"}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_answer_of_the_provider_is_a_clear_page(site, provider, body):
    provider.body = body

    answer = await sign_in(site, provider)

    assert answer.status == 403
    assert answer.title == "Sign-in failed"


async def test_a_provider_that_is_down_is_named(site, provider):
    provider.down = True

    text = await begin(await site.browser())

    assert "refused the request (HTTP 503)" in text


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://other.example"}, "calls itself https://other.example"),
        ({"token_endpoint": None}, "lacks token_endpoint"),
        ({"token_endpoint": "http://provider.example/token"}, "is not an https URL"),
    ],
)
async def test_a_wrong_discovery_document_is_explained(site, provider, metadata, why):
    provider.metadata = metadata

    assert why in await begin(await site.browser())


async def test_failed_sign_ins_are_limited(site, provider):
    provider.claims = {"email": "bob@acme.example"}

    for _ in range(MAX_FAILURES):
        assert (await sign_in(site, provider)).status == 403
    assert "Too many sign-ins failed" in await begin(await site.browser())


async def test_signing_out_offers_to_sign_out_of_the_provider(site, provider):
    browser = await site.browser()
    await sign_in(site, provider, browser)

    answer = await browser.send("/sign-out")

    assert f"{provider.url}/logout?" in answer.text
    assert "id_token_hint=" in answer.text


async def test_a_link_signs_in_beside_the_provider(site, provider):
    provider.down = True

    assert (await site.signed_in()).cookies

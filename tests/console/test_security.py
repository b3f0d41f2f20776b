"""Forms from elsewhere, wrong hosts, roles and headers."""

import re

import pytest
from structlog.testing import capture_logs
from yarl import URL

from calscim.console.application import page_routes
from calscim.console.security import HEADERS, hosts
from tests.support.console_site import console_site
from tests.support.stage import staged

FORM = {"name": "Okta", "provider": "okta-scim-v2"}
PAGES = ("/", "/directories", "/mapping", "/plan", "/people", "/activity", "/settings")
ADMIN_PAGES = ("/sessions",)


async def directories(owner):
    return await owner.fetchval("SELECT count(*) FROM calscim.directories")


async def test_a_form_without_the_token_changes_nothing(site, browser, owner):
    await browser.open("/directories")
    browser.form_token = ""

    with capture_logs() as logs:
        answer = await browser.send("/directories", FORM)

    assert answer.status == 403
    assert "Nothing was changed" in answer.text
    assert await directories(owner) == 0
    assert "console.form_refused" in [line["event"] for line in logs]


async def test_the_token_of_another_session_is_refused(site, browser, owner):
    other = await site.signed_in()
    await browser.open("/directories")
    other.form_token = browser.form_token

    assert (await other.send("/directories", FORM)).status == 403
    assert await directories(owner) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://["},
    ],
)
async def test_a_form_of_another_site_changes_nothing(site, browser, owner, headers):
    await browser.open("/directories")

    assert (await browser.send("/directories", FORM, **headers)).status == 403
    assert await directories(owner) == 0


async def test_a_proxy_may_add_the_port_of_the_scheme_to_the_host(db, owner):
    async with console_site(db, public_url="http://calscim.example.com") as site:
        browser = await site.browser()
        proxied = {"Host": "calscim.example.com:80", "Origin": "http://calscim.example.com"}
        link = (await site.link()).removeprefix("http://calscim.example.com")
        await browser.open(link, **proxied)

        await browser.send("/directories", FORM, **proxied)

    assert await directories(owner) == 1


LARGE, NUL = "9" * 30, "%00"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/people?q={NUL}", 400),
        (f"/people/acme/{NUL}", 400),
        (f"/activity/{NUL}/1", 400),
        ("/activity?since=0001-01-01T00:00%2B14:00", 400),
        (f"/mapping?change={LARGE}", 404),
    ],
)
async def test_an_address_that_postgres_cannot_store_is_no_fault_of_the_page(
    site, browser, path, status
):
    answer = await browser.open(URL(site.url + path, encoded=True))

    assert answer.status == status


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/plan/reject", {"hash": "\0"}),
        ("/sessions/end", {"session": LARGE}),
        ("/mapping/preview", {"mapping": LARGE}),
    ],
)
async def test_a_field_that_postgres_cannot_store_is_no_fault_of_the_page(browser, path, form):
    await browser.open("/")

    assert (await browser.send(path, form)).status in {400, 404}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
        ),
        ("application/x-www-form-urlencoded; charset=none", b"x=\xff"),
        ("application/x-www-form-urlencoded", b"x=\xff"),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(site, browser, content_type, body):
    headers = {"Content-Type": content_type}

    async with browser.session.post(site.url + "/plan/approve", data=body, headers=headers) as sent:
        assert sent.status == 400
        assert "Open the page again" in await sent.text()


async def test_another_host_is_refused(site, browser):
    answer = await browser.open("/", Host="evil.example")

    assert answer.status == 421
    assert "console.public_url" in answer.text


def test_the_host_of_the_public_url_may_have_the_port_of_its_scheme():
    found = hosts("unix:/run/calscim/console.sock", "https://calscim.example.com")

    assert found == {"calscim.example.com", "calscim.example.com:443"}


@pytest.mark.parametrize(
    "path", [*PAGES, *ADMIN_PAGES, "/sign-in", "/nothing-here", "/static/console.css"]
)
async def test_every_answer_has_the_security_headers(site, browser, path):
    answer = await browser.open(path)

    for name, value in HEADERS.items():
        if name != "Cache-Control" or not path.startswith("/static"):
            assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [*PAGES, *ADMIN_PAGES])
async def test_no_page_has_a_script_or_a_style_of_its_own(site, browser, path):
    text = (await browser.open(path)).text

    assert "<script>" not in text
    assert " style=" not in text
    assert " onclick=" not in text
    for link in re.findall(r"(?:src|href|action)=\"([^\"]+)\"", text):
        assert link.startswith(("/", "#"))


@pytest.mark.parametrize("path", PAGES)
async def test_a_viewer_sees_every_page(site, path):
    viewer = await site.signed_in("viewer")

    assert (await viewer.open(path)).status == 200


CHANGES = [
    ("/directories", FORM, "admin"),
    ("/directories/{id}/pause", {"seconds": "3600"}, "operator"),
    ("/directories/{id}/resume", {}, "operator"),
    ("/directories/{id}/rotate", {"token": "1"}, "admin"),
    ("/directories/{id}/revoke", {"token": "1"}, "admin"),
    ("/directories/{id}/delete", {"name": "Okta"}, "admin"),
    ("/mapping/preview", {}, "operator"),
    ("/mapping/save", {}, "operator"),
    ("/mapping/import", {"text": "x"}, "operator"),
    ("/plan/approve", {"hash": "x"}, "operator"),
    ("/plan/reject", {"hash": "x"}, "operator"),
    ("/sessions/end", {"session": "1"}, "admin"),
    ("/sessions/end-all", {"person": "ann@acme.example"}, "admin"),
    ("/people/acme/ann@acme.example/retry", {"email": "ann@acme.example"}, "operator"),
]


@pytest.mark.parametrize(("path", "form", "role"), CHANGES)
async def test_a_change_needs_its_role(site, path, form, role):
    made = await site.directory()
    lower = await site.signed_in({"admin": "operator", "operator": "viewer"}[role])
    await lower.open("/")

    with capture_logs() as logs:
        answer = await lower.send(path.format(id=made.id), form)

    assert answer.status == 403
    assert f"the role {role}" in answer.text.replace("\n", " ")
    refused = next(line for line in logs if line["event"] == "console.role_refused")
    assert refused["needed"] == role


def test_every_form_of_a_page_is_in_the_list():
    forms = {route.path for table in page_routes() for route in table if route.method == "POST"}
    listed = {
        path.replace("acme/ann@acme.example", "{organization}/{person}") for path, _, _ in CHANGES
    }

    assert forms == listed


HOSTILE = "</td><script>alert(1)</script>' \u202egnp.exe\u200f " + "W" * 600


async def test_a_hostile_name_is_text_with_visible_escapes_on_every_page(db):
    async with staged(db) as stage, console_site(db, stage=stage) as site:
        stage.world.add_team(HOSTILE[:200])
        await stage.map(HOSTILE, stage.team_id("Sales"), "managed")
        await stage.okta.assign("ann@acme.example", HOSTILE[:50], "Example")
        await stage.okta.push_group(HOSTILE, ["ann@acme.example"])
        browser = await site.signed_in("admin", HOSTILE)

        for path in (*PAGES, *ADMIN_PAGES, "/plan?read=1", "/people/acme/ann@acme.example"):
            text = (await browser.open(path)).text
            assert "<script>" not in text
            assert "\u202e" not in re.sub(r' value="[^"]*"', "", text)


async def test_a_name_with_control_characters_goes_back_as_it_is(site, browser):
    await site.directory()
    name = "Sales\u200f"

    form = {"organization": "acme", "team": "new", "team_name": "T", "group": name}
    answer = await browser.send("/mapping/preview", form | {"role": "MEMBER", "mode": "managed"})

    assert f'name="group" value="{name}"' in answer.text
    assert "Sales\\u200f" in answer.text


async def test_a_failing_page_names_the_line_of_the_log(site, browser, monkeypatch):
    async def fail(*_args, **_kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr("calscim.console.pages.overview.current_status", fail)
    with capture_logs() as logs:
        answer = await browser.open("/")

    failed = next(line for line in logs if line["event"] == "console.failed")
    assert answer.status == 500
    assert "boom" not in answer.text
    assert "request_id" in answer.text
    assert failed["path"] == "/"

"""calscim directory, token, and group: edits and lists, as text and as JSON."""

import re

import pytest


def test_create_prints_what_the_identity_provider_needs(calscim):
    made = calscim(
        "directory",
        "create",
        "--organization",
        "acme",
        "--name",
        "Okta",
        "--provider",
        "okta-scim-v2",
        "--json",
    )

    assert made.code == 0
    assert list(made.json) == ["id", "name", "organization", "provider", "base_url", "token"]
    assert made.json["base_url"] == f"https://scim.acme.example/scim/v2/{made.json['id']}"
    assert re.fullmatch(r"[a-z0-9]{20,}", made.json["id"])


def test_create_prints_the_next_steps_in_okta(calscim):
    made = calscim("directory", "create", "--name", "Okta", "--provider", "okta-scim-v2")

    assert "/scim/v2/" in made.out
    assert "Unique identifier field for users = email" in made.err


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        ("azure-scim-v2", "?aadOptscim062020"),
        ("onelogin-scim-v2", "SCIM Bearer Token"),
        ("jumpcloud-scim-v2", "Token Key"),
        ("generic-scim-v2", "tenant URL"),
    ],
)
def test_create_prints_the_next_steps_at_each_provider(calscim, provider, field):
    made = calscim("directory", "create", "--name", "One", "--provider", provider)

    assert field in " ".join(made.err.split())
    assert "calscim mapping add" in made.err
    assert all(len(line) <= 100 for line in made.err.splitlines())


def test_an_unknown_organization_is_refused_with_the_configured_ones(calscim):
    made = calscim(
        "directory", "create", "--organization", "acne", "--name", "x", "--provider", "okta-scim-v2"
    )

    assert (made.code, made.out) == (1, "")
    assert made.err == "calscim: there is no organization 'acne'; configured: acme\n"


def test_with_several_organizations_the_option_is_required(calscim, configuration):
    configuration.write_text(
        configuration.read_text()
        + '[[organization]]\nname = "beta"\norganization_id = 43\napi_key = "x"\n'
    )

    made = calscim("directory", "create", "--name", "x", "--provider", "okta-scim-v2")

    assert made.code == 1
    assert "add --organization (acme, beta)" in made.err


def test_an_unknown_provider_is_a_usage_error(calscim):
    made = calscim("directory", "create", "--name", "x", "--provider", "okta")

    assert made.code == 64
    assert "okta-scim-v2" in made.err


def test_directories_are_listed_and_shown(calscim, okta):
    (listed,) = calscim("directory", "list", "--json").json
    shown = calscim("directory", "show", "okta", "--json").json

    assert listed == shown
    assert shown["id"] == okta["id"]
    assert "token" not in shown
    assert "Okta" in calscim("directory", "list").out


def test_without_directories_list_prints_the_next_step_and_json_an_empty_list(calscim):
    assert "directory create" in calscim("directory", "list").out
    assert calscim("directory", "list", "--json").json == []


def test_a_directory_is_paused_for_a_while_and_resumed(calscim, okta):
    assert calscim("directory", "pause", "Okta", "--for", "2h").code == 0
    paused = calscim("directory", "show", okta["id"], "--json").json
    assert paused["paused"]
    assert paused["paused_until"].endswith("Z")

    assert calscim("directory", "resume", "Okta").code == 0
    assert not calscim("directory", "show", "Okta", "--json").json["paused"]


def test_a_duration_without_a_unit_is_a_usage_error(calscim, okta):
    ran = calscim("directory", "pause", "Okta", "--for", "2")

    assert ran.code == 64
    assert "is not a duration" in ran.err


def test_a_deleted_directory_is_not_listed(calscim, okta):
    deleted = calscim("directory", "delete", okta["id"], "--json")

    assert deleted.json["tokens_revoked"] == 1
    assert calscim("directory", "list", "--json").json == []
    assert calscim("directory", "show", okta["id"]).code == 1


def test_tokens_are_created_shown_once_listed_and_revoked(calscim, okta):
    made = calscim(
        "token", "create", "--directory", "Okta", "--name", "second", "--expires", "90d", "--json"
    )
    assert len(made.json["token"]) >= 43
    assert made.json["expires_at"] is not None

    listed = calscim("token", "list", "--json")
    assert [token["name"] for token in listed.json] == ["first", "second"]
    assert made.json["token"] not in listed.out

    assert calscim("token", "revoke", "first").code == 0
    assert [token["state"] for token in calscim("token", "list", "--json").json] == [
        "revoked",
        "valid",
    ]


@pytest.mark.parametrize("verb", [("show",), ("pause",), ("delete",)])
def test_an_unknown_directory_is_refused_with_a_near_miss(calscim, okta, verb):
    ran = calscim("directory", *verb, "Otka")

    assert ran.code == 1
    assert "did you mean Okta?" in ran.err


def test_without_groups_json_is_an_empty_list(calscim, okta):
    assert calscim("group", "list", "--json").json == []


def test_a_token_is_printed_only_when_it_is_created(calscim, okta):
    printed = "".join(
        calscim(*verb).out
        for verb in (
            ("token", "list"),
            ("journal", "export"),
            ("directory", "show", "Okta"),
            ("journal", "tail"),
        )
    )

    assert okta["token"] not in printed


def test_create_paused_pauses_the_directory_and_prints_how_to_resume_it(calscim):
    made = calscim(
        "directory", "create", "--name", "Okta", "--provider", "okta-scim-v2", "--paused"
    )

    assert made.code == 0
    assert 'calscim directory resume "Okta"' in made.err
    assert calscim("directory", "show", "Okta", "--json").json["paused"]


def test_create_without_paused_prints_what_an_assignment_does(calscim):
    made = calscim("directory", "create", "--name", "Okta", "--provider", "okta-scim-v2")

    assert "gets an account in Cal.com right away" in made.err
    assert "--paused" in made.err


def test_rotate_creates_a_token_with_the_same_name_scope_and_lifetime(calscim, okta):
    calscim("token", "create", "okta", "--name", "import", "--scope", "read", "--expires", "90d")

    made = calscim(
        "token", "rotate", "Okta", "--token", "import", "--overlap", "12h", "--json"
    ).json

    first, old, new = calscim("token", "list", "--json").json
    assert (made["replaces"], made["id"], made["scope"]) == (old["id"], new["id"], "read")
    assert old["replaced_by"] == new["id"]
    assert old["expires_at"] == made["replaced_expires_at"] < new["expires_at"]
    assert [token["state"] for token in (first, old, new)] == ["valid"] * 3
    assert first["last_used_at"] is None


def test_rotate_without_overlap_ends_the_old_token_at_once(calscim, okta):
    assert calscim("token", "rotate", "Okta", "--overlap", "0s").code == 0

    states = [token["state"] for token in calscim("token", "list", "--json").json]
    assert states == ["expired", "valid"]


def test_rotate_skips_a_token_that_was_rotated(calscim, okta):
    calscim("token", "rotate", "Okta")
    calscim("token", "rotate", "Okta")

    listed = calscim("token", "list", "--json").json

    assert [token["replaced_by"] for token in listed] == [listed[1]["id"], listed[2]["id"], None]


def test_rotate_with_several_tokens_names_them(calscim, okta):
    calscim("token", "create", "Okta", "--name", "second")

    ran = calscim("token", "rotate", "Okta")

    assert ran.code == 1
    assert "first" in ran.err and "second" in ran.err and "--token" in ran.err


def test_new_tokens_have_the_configured_lifetime_unless_they_never_expire(
    calscim, okta, monkeypatch
):
    monkeypatch.setenv("CALSCIM_TOKENS_LIFETIME", "30d")
    calscim("token", "create", "Okta", "--name", "short")
    calscim("token", "create", "Okta", "--name", "good", "--expires", "never")
    calscim("token", "rotate", "Okta", "--token", "first")

    listed = calscim("token", "list", "--json").json

    assert [token["expires_at"] is not None for token in listed] == [True, True, False, True]


def test_status_shows_the_tokens_of_a_directory(calscim, okta):
    calscim("token", "rotate", "Okta", "--overlap", "24h")

    [directory] = calscim("status", "--json").json["directories"]
    shown = calscim("status").out

    old, new = directory["tokens"]
    assert directory["last_request"] is None
    assert directory["token_expires_at"] is None
    assert f"put its replacement, token {new['id']}" in old["warning"]
    assert new["warning"] is None
    assert f"token {old['id']} (first) of Okta ends at" in shown


def test_set_changes_and_resets_the_request_limit_of_a_directory(calscim, okta):
    for setting, expected in (("50", 50), ("0", "off"), ("off", "off"), ("default", None)):
        ran = calscim("directory", "set", "Okta", f"requests_per_second={setting}", "--json")
        assert (ran.code, ran.json["requests_per_second"]) == (0, expected)
        found = calscim("directory", "show", okta["id"], "--json").json
        assert found["requests_per_second"] == expected


def test_a_request_limit_that_is_too_low_is_refused_with_the_reason(calscim, okta):
    ran = calscim("directory", "set", "Okta", "requests_per_second=24")

    assert ran.code == 64
    assert "write at least 25, which Microsoft Entra ID and the IPSIE profile ask for" in " ".join(
        ran.err.split()
    )


@pytest.mark.parametrize("setting", ["requests=50", "requests_per_second", "name=x"])
def test_an_unknown_setting_is_refused(calscim, okta, setting):
    ran = calscim("directory", "set", "Okta", setting)

    assert ran.code == 64
    assert "write requests_per_second=N" in " ".join(ran.err.split())


def test_a_dry_run_of_set_saves_nothing(calscim, okta):
    ran = calscim("directory", "set", "Okta", "requests_per_second=50", "--dry-run")

    assert (ran.code, ran.out) == (
        0,
        "Okta could send 50 requests a second; nothing was saved\n",
    )
    assert calscim("directory", "show", "Okta", "--json").json["requests_per_second"] is None


def test_a_dry_run_of_rotate_names_the_token_and_creates_nothing(calscim, okta):
    ran = calscim("token", "rotate", "Okta", "--overlap", "2h", "--dry-run")

    assert ran.code == 0
    assert "(first) of Okta, which would end at " in ran.out
    assert len(calscim("token", "list", "--json").json) == 1


def test_pausing_and_resuming_answer_with_the_same_keys_for_directories_and_teams(
    calscim, okta, calcom
):
    for noun, name in (("directory", "Okta"), ("team", "Sales")):
        paused = calscim(noun, "pause", name, "--json").json
        resumed = calscim(noun, "resume", name, "--json").json
        again = calscim(noun, "resume", name, "--json").json

        assert list(paused) == ["id", "name", "paused", "paused_until"]
        assert list(resumed) == ["id", "name", "paused", "was_paused"]
        assert (paused["paused"], paused["paused_until"]) == (True, None)
        assert (resumed["paused"], resumed["was_paused"]) == (False, True)
        assert not again["was_paused"]

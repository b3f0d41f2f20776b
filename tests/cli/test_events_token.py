"""calscim token create --events: a token that reads the change feed of an organization."""


def test_a_token_for_the_change_feed_belongs_to_the_organization(calscim, okta):
    made = calscim("token", "create", "--events", "--name", "siem", "--json")

    assert made.code == 0
    assert made.json["directory"] is None
    assert made.json["scope"] == "events"
    assert len(made.json["token"]) > 40
    rows = calscim("token", "list", "--json").json
    assert [(row["directory"], row["scope"]) for row in rows] == [
        ("Okta", "write"),
        (None, "events"),
    ]
    assert "siem" in calscim("token", "list").out
    assert "siem" not in calscim("token", "list", "Okta").out


def test_it_needs_no_directory_and_can_be_revoked(calscim):
    made = calscim("token", "create", "--events", "--json").json

    ended = calscim("token", "revoke", str(made["id"]))

    assert "of the change feed of acme is revoked" in ended.out


def test_it_takes_no_directory(calscim, okta):
    made = calscim("token", "create", "Okta", "--events")

    assert made.code == 1
    assert "belongs to no directory: leave 'Okta' or --events out" in made.err


def test_a_scope_and_events_exclude_each_other(calscim, okta):
    assert calscim("token", "create", "--events", "--scope", "read").code == 64


def test_an_organization_alone_is_refused(calscim, okta):
    made = calscim("token", "create", "--organization", "acme")

    assert made.code == 1
    assert "--organization needs --events" in made.err


def test_with_several_organizations_the_option_is_required(calscim, configuration):
    configuration.write_text(
        configuration.read_text()
        + '[[organization]]\nname = "beta"\norganization_id = 43\napi_key = "x"\n'
    )

    assert "add --organization (acme, beta)" in calscim("token", "create", "--events").err
    assert calscim("token", "create", "--events", "--organization", "beta").code == 0


def test_it_cannot_be_rotated_as_the_token_of_a_directory(calscim, okta):
    made = calscim("token", "create", "--events", "--json").json

    assert calscim("token", "rotate", "Okta", "--token", str(made["id"])).code == 1

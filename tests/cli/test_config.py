"""calscim config show, for a configuration that cannot be used."""

SECRETS = ("cal_sim", "hunter2", "sk-pager")


def test_a_configuration_with_problems_is_shown_as_written_without_secrets(
    calscim, configuration, monkeypatch
):
    text = configuration.read_text().replace(
        "dsn = ", 'migration_dsn = "postgresql://a:hunter2@h/c"\ndsn = '
    )
    configuration.write_text(
        text
        + 'apikey = "sk-pager"\nprotected = ["ceo@acme.example"]\n'
        + '[guards]\nwindow = "soon"\n[[notify]]\nname = "pager"\nurl = "sk-pager"\n'
    )
    monkeypatch.setenv("CALSCIM_LOG_LEVEL", "loud")

    ran = calscim("config", "show", "--json")

    found = {one["key"]: (one["value"], one["source"]) for one in ran.json}
    assert ran.code == 78
    assert "guards.window: 'soon' is not a duration" in ran.err
    assert found["guards.window"] == ("soon", "guards.window")
    assert found["log.level"] == ("loud", "CALSCIM_LOG_LEVEL")
    assert found["organization.acme.organization_id"][0] == 42
    assert found["organization.acme.protected"][0] == ["ceo@acme.example"]
    assert found["organization.acme.api_key"][0] == "***"
    assert found["database.migration_dsn"][0] == "***"
    assert found["notify.pager.url"][0] == "***"
    assert [secret for secret in SECRETS if secret in ran.out] == []


def test_a_configuration_with_problems_says_on_a_screen_what_is_shown(calscim, configuration):
    configuration.write_text(configuration.read_text() + '[guards]\nwindow = "soon"\n')

    ran = calscim("config", "show")

    assert ran.code == 78
    assert "guards.window" in ran.out
    assert "These are the values as they are written" in ran.err


def test_a_file_that_is_not_toml_is_only_a_problem(calscim, configuration):
    configuration.write_text("[database\n")

    ran = calscim("config", "show")

    assert (ran.code, ran.out) == (78, "")
    assert "is not TOML" in ran.err


def test_sections_and_lists_of_the_wrong_kind_are_left_out(calscim, configuration):
    configuration.write_text(
        'console = 5\nnotify = "x"\n[organization]\nname = "acme"\n[organization.attributes]\nto = "x"\n'
    )

    ran = calscim("config", "show", "--json")

    assert ran.code == 78
    assert {one["key"] for one in ran.json} <= {
        "organization.acme.name",
        "organization.acme.attributes",
    }

"""Verbs that remove something ask on a terminal, and only there."""

import pytest

MAPPING = '[[mapping]]\ngroup = "Sales"\nteam = "Sales"\nmode = "managed"\n'


def directories(calscim):
    return [row["name"] for row in calscim("directory", "list", "--json").json]


def test_the_question_says_what_will_happen_with_counts(terminal, okta, calscim):
    code, out, shown = terminal.run("directory", "delete", "Okta", answer=b"y\n")

    assert "deletes the directory Okta: it revokes 1 token at once" in shown
    assert "0 users and 0 groups" in shown
    assert code == 0
    assert "Okta is deleted" in out
    assert directories(calscim) == []


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"what\n", b"\x04"])
def test_any_answer_but_yes_changes_nothing(terminal, okta, calscim, answer):
    code, out, shown = terminal.run("directory", "delete", "Okta", answer=answer)

    assert (code, out) == (1, "")
    assert "nothing was changed" in shown
    assert directories(calscim) == ["Okta"]


def test_ctrl_c_at_the_question_ends_at_once_and_changes_nothing(terminal, okta, calscim):
    code, out, shown = terminal.run("directory", "delete", "Okta", answer=b"\x03")

    assert (code, out) == (130, "")
    assert "Traceback" not in shown
    assert directories(calscim) == ["Okta"]


def test_yes_answers_the_question_beforehand(terminal, okta, calscim):
    code, _, shown = terminal.run("directory", "delete", "Okta", "--yes")

    assert (code, shown) == (0, "")


def test_a_script_is_not_asked(calscim, calcom, okta):
    token = calscim("token", "list", "--json").json[0]["id"]
    mapping = calscim(
        "mapping", "add", "--group", "Sales", "--team", "Sales", "--mode", "managed", "--json"
    ).json["id"]

    assert calscim("token", "revoke", str(token)).code == 0
    assert calscim("mapping", "remove", str(mapping)).code == 0
    assert calscim("rebuild").code == 0
    assert calscim("directory", "delete", "Okta").code == 0


def test_token_revoke_names_the_change_feed_of_a_token_without_a_directory(terminal, calscim):
    made = calscim("token", "create", "--events", "--json").json

    _, _, shown = terminal.run("token", "revoke", str(made["id"]), answer=b"no\n")

    assert f"token {made['id']} (token) of the change feed of acme, never used" in shown


def test_token_revoke_says_when_the_token_was_used(terminal, okta, calscim):
    code, out, shown = terminal.run("token", "revoke", "first", answer=b"yes\n")

    assert "(first) of Okta, never used: requests with it are refused at once" in shown
    assert (code, "is revoked" in out) == (0, True)
    again = calscim("token", "list", "--json").json[0]["id"]
    assert terminal.run("token", "revoke", str(again))[0] == 0  # it is revoked already


def test_mapping_remove_and_change_say_who_leaves(terminal, okta, calscim, calcom):
    add = ("mapping", "add", "--group", "Sales", "--mode", "managed", "--team", "Sales", "--json")
    number = str(calscim(*add).json["id"])

    move = terminal.run("mapping", "change", number, "--team", "Engineering", answer=b"n\n")
    assert f"moves mapping {number} to Engineering (Sales to Sales, managed)" in move[2]
    assert "0 members of the group leave Sales" in move[2]

    assert terminal.run("mapping", "change", number, "--mode", "observe")[0] == 0
    code, _, shown = terminal.run("mapping", "remove", number, answer=b"y\n")
    assert "its mode is observe, so 0 members of the group stay on Sales" in shown
    assert code == 0
    assert calscim("mapping", "list", "--json").json == []


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 2)])
def test_mapping_apply_shows_the_difference_once_and_asks(
    terminal, okta, calscim, calcom, tmp_path, answer, code
):
    file = tmp_path / "mappings.toml"
    file.write_text(MAPPING)

    ran, out, shown = terminal.run("mapping", "apply", str(file), answer=answer)

    assert ran == code
    assert out.count("+ Okta: Sales to Sales (MEMBER, managed)") == 1
    assert "This saves 1 edit." in shown
    assert len(calscim("mapping", "list", "--json").json) == (1 if code == 0 else 0)


def test_rebuild_asks_and_its_check_does_not(terminal, okta):
    assert terminal.run("rebuild", "--check")[0] == 0
    code, _, shown = terminal.run("rebuild", answer=b"y\n")

    assert "Okta (0 users, 0 groups) by what the journal says" in shown
    assert code == 0

"""calscim team members and calscim team adopt: what is printed, what is asked, and the exit codes."""

import asyncpg
import pytest

from calscim import admin
from calscim.planner.modes import Mode
from calscim.planner.roles import Role
from tests.support.acme import ANN, EDITOR, Acme


@pytest.fixture
async def sales(db, calcom):
    """ann is in the pushed group Sales and on the team Sales, where Cal.com's own sync put her; gus is there by hand."""
    okta = await admin.create_directory(
        db, EDITOR, organization="acme", name="Okta", provider="okta-scim-v2"
    )
    acme = Acme(db, okta)
    await acme.happen()
    for email in (ANN, "gus@acme.example"):
        calcom.add_person(email)
        calcom.put_on_team("Sales", email)
    team = calcom.team_id("Sales")
    await admin.add_mapping(
        db,
        EDITOR,
        admin.draft(
            okta,
            group="Sales",
            team=admin.TeamRef(team, "Sales"),
            role=Role.MEMBER,
            mode=Mode.MANAGED,
        ),
    )
    await db.execute(
        "INSERT INTO calscim.ledger (organization, team_id, cal_user_id, user_id, origin, role, mode, mapping_ids)"
        " VALUES ('acme', $1, $2, $3, 'found', 'MEMBER', 'managed', '{1}')",
        team,
        calcom.user_id(ANN),
        acme.ann,
    )
    return acme


def makers(calscim):
    members = calscim("team", "members", "sales", "--json").json["members"]
    return {member["email"]: member["added_by"] for member in members if member["role"]}


def test_members_as_json_have_both_sides(calscim, sales, calcom):
    ran = calscim("team", "members", "sales", "--json")

    assert ran.code == 0
    assert (ran.json["team"], ran.json["team_id"]) == ("Sales", calcom.team_id("Sales"))
    ann = next(member for member in ran.json["members"] if member["email"] == ANN)
    assert ann == {
        "email": ANN,
        "cal_user_id": calcom.user_id(ANN),
        "role": "MEMBER",
        "wanted": "MEMBER",
        "groups": ["Sales"],
        "added_by": "others",
    }


def test_a_script_has_to_say_yes(calscim, sales):
    ran = calscim("team", "adopt", "sales")

    assert ran.code == 2
    assert "nothing was changed: add --yes to adopt 1 membership" in ran.out
    assert makers(calscim)[ANN] == "others"

    adopted = calscim("team", "adopt", "sales", "--yes", "--json")

    assert (adopted.code, adopted.json["adopted"]) == (0, True)
    assert makers(calscim) == {ANN: "adopted", "gus@acme.example": "others"}
    assert "no membership on Sales can be adopted" in calscim("team", "adopt", "sales").out
    row = calscim("journal", "tail", "-n", "1").out.splitlines()[-1]
    assert row.split()[4:7] == ["team.adopt", "-", "Sales"]


def test_a_person_is_asked_and_may_say_no(calscim, terminal, sales):
    code, _, shown = terminal.run("team", "adopt", "sales", answer=b"n\n")

    assert "will remove these people from Sales once no mapped group wants them there" in shown
    assert code == 2
    assert makers(calscim)[ANN] == "others"


def test_a_team_that_cal_com_does_not_have_is_named(calscim, sales):
    ran = calscim("team", "members", "sale")

    assert ran.code != 0
    assert "did you mean" in ran.err


def test_teams_that_cannot_be_read_are_named_once(calscim):
    ran = calscim("team", "list")

    assert ran.code == 1
    assert ran.err.startswith("calscim: the organization's teams could not be read: Cal.com did")
    assert ran.err.count("could not be read") == 1


async def test_the_ledger_takes_no_other_origin(db, sales):
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute("UPDATE calscim.ledger SET origin = 'bought'")

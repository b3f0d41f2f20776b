"""calscim parked list and calscim parked retry."""

import json

from calscim.cli import main
from calscim.planner.action_key import ActionKey
from calscim.reconciler.state import parked_actions


async def stuck(db):
    await parked_actions.park(
        db,
        "acme",
        ActionKey("user.create", "0b0c8a51-21c5-4f6b-9c6a-0d5f3c1f6f11", 0),
        email="ann@acme.example",
        reason="invite the person by hand once",
        refused=True,
        fingerprint="x",
        attempts=2,
        wait=3600,
    )


async def test_a_parked_action_is_listed_with_its_reason_and_can_be_retried(
    db, database, tmp_path, capsys
):
    import asyncio

    await stuck(db)
    config = tmp_path / "calscim.toml"
    config.write_text(
        f'[database]\ndsn = "{database.dsn}"\n'
        '[[organization]]\nname = "acme"\norganization_id = 1\napi_key = "cal_x"\n'
    )

    def run(*words):
        return main(["--config", str(config), "parked", *words])

    assert await asyncio.to_thread(run, "list", "--json") == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert shown["reason"] == "invite the person by hand once"
    assert await asyncio.to_thread(run, "retry", "ANN@acme.example", "--json") == 0

    [entry] = (await parked_actions.load(db, "acme")).values()
    assert entry.due_in <= 0
    assert not entry.refused


def test_a_retry_of_a_person_without_parked_changes_says_so(calscim):
    ran = calscim("parked", "retry", "typo@acme.example")

    assert (ran.code, ran.out) == (
        0,
        "nothing of typo@acme.example is parked: see `calscim parked list`\n",
    )

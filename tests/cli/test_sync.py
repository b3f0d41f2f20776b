"""What calscim sync prints of a pass that did not do everything."""

from dataclasses import replace

import pytest

from calscim.admin.sync import SyncResult
from calscim.cli.sync import _unfinished

DONE = SyncResult(
    organization="acme",
    complete=True,
    incomplete=(),
    actions={"member.add done": 3},
    pending=0,
    held=0,
    held_counts={"sets": 0},
    deferred=0,
    waiting=(),
    waiting_total=0,
    limits=(),
    unreachable=None,
    interrupted=False,
    hash=None,
    seconds_left=0,
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"incomplete": ("members of Sales: 403",)}, ["members of Sales: 403"]),
        ({"unreachable": "no answer"}, ["Cal.com was not reachable: no answer"]),
        ({"unreachable": "no answer", "incomplete": ("no answer",)}, ["no answer"]),
        ({"pending": 2, "seconds_left": 300}, ["2 actions pending, about 5 min left"]),
        ({"pending": 2}, []),
    ],
)
def test_the_reasons_why_a_pass_is_unfinished_are_printed(changed, said):
    assert list(_unfinished(replace(DONE, **changed))) == said

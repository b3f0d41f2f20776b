"""A small directory with personal data, for tests of erasure, and a dump of all stored content."""

import json
import uuid

from calscim.admin import Editor
from calscim.directory import resources
from calscim.directory.resources import GroupState, MemberChange, UserState
from calscim.encryption import PLAIN, StoredBody
from calscim.journal.append import Origin
from calscim.reconciler.state.attempts import Attempts
from calscim.reconciler.state.leases import Lease

EDITOR = Editor(by="ada", cipher=PLAIN)
ANN, OLD, BOB = "ann@acme.example", "ann.maiden@acme.example", "bob@acme.example"
EVERYTHING = """
SELECT string_agg(content, ' ') FROM (
    SELECT encode(coalesce(body, ''), 'escape') || encode(coalesce(effect, ''), 'escape') AS content FROM calscim.journal
    UNION ALL SELECT t::text FROM calscim.users t UNION ALL SELECT t::text FROM calscim.user_emails t
    UNION ALL SELECT t::text FROM calscim.tombstones t UNION ALL SELECT t::text FROM calscim.account_links t
    UNION ALL SELECT t::text FROM calscim.actions t UNION ALL SELECT t::text FROM calscim.parked_actions t
    UNION ALL SELECT t::text FROM calscim.holds t UNION ALL SELECT t::text FROM calscim.reconcile_passes t
    UNION ALL SELECT t::text FROM calscim.sync_requests t UNION ALL SELECT t::text FROM calscim.opening_balances t
    UNION ALL SELECT t::text FROM calscim.notifications t UNION ALL SELECT t::text FROM calscim.events t
    UNION ALL SELECT t::text FROM calscim.drift_observations t UNION ALL SELECT t::text FROM calscim.applied_attributes t
) x
"""


class Acme:
    """Ann, whose address changed, and Bob; a group with both, which Okta pushed with their addresses."""

    def __init__(self, db, directory):
        self.db, self.directory = db, directory
        self.ann, self.bob, self.group = (uuid.uuid4() for _ in range(3))
        self.ids = {self.ann: "00uann", self.bob: "00ubob"}

    def origin(self, body: bytes) -> Origin:
        return Origin(self.directory.id, "r", body=StoredBody(body))

    def state(self, key, address, *, active=True, **data) -> UserState:
        data |= {"userName": address, "name": {"givenName": "First"}, "n": 12345678901234567890.5}
        return UserState(address, self.ids[key], address, (address,), active, json.dumps(data))

    async def push(self, key, address, **changes):
        body = json.dumps({"userName": address, "externalId": self.ids[key]}).encode()
        await resources.create_user(
            self.db, self.origin(body), key, self.state(key, address, **changes), ""
        )

    async def put(self, key, address, **changes):
        body = json.dumps({"userName": address}).encode()
        await resources.update_user(
            self.db, self.origin(body), key, self.state(key, address, **changes), "", None
        )

    async def push_group(self):
        await resources.create_group(
            self.db,
            self.origin(json.dumps({"members": [{"display": ANN}, {"display": BOB}]}).encode()),
            self.group,
            GroupState("Sales", None, '{"displayName": "Sales"}'),
            MemberChange(frozenset([self.ann, self.bob]), unknown=(OLD.upper(), "nobody")),
            "",
        )

    async def happen(self):
        await self.push(self.ann, OLD)
        await self.push(self.bob, BOB)
        await self.push_group()
        await self.put(self.ann, ANN)

    async def deactivate(self):
        await self.put(self.ann, ANN, active=False)

    async def done_in_calcom(self, outcome="done"):
        number = await self.db.fetchval(
            "INSERT INTO calscim.actions (organization, pass_id, plan_hash, kind, email, user_id, cal_user_id, because,"
            " request_id, term) VALUES ('acme', 1, 'h', 'user.deprovision', $1, $2, 7, $3, 'r', 1) RETURNING id",
            ANN,
            self.ann,
            f"{ANN} is inactive",
        )
        if outcome:
            await Attempts(self.db, Lease("acme", "test", 1), 1, "h").finish(
                number, outcome, f"told {ANN}", None
            )


async def everything(db) -> str:
    return (await db.fetchval(EVERYTHING)).lower()

"""Reads from Postgres which conditions there are now. Every daemon on the same database reads the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

import orjson

from calscim.admin import Token, tokens
from calscim.admin.expiry import expiring
from calscim.notify.events import Condition, Event
from calscim.planner.render import person_of
from calscim.postgres.pool import Database
from calscim.postgres.queries import sql

LISTED = 20  # people, teams or actions that a message names
LEAST_REQUESTS = 20  # rows in the journal before a directory has a usual rhythm
LEAST_SILENCE = 24 * 3600.0  # seconds
SILENCE_EVERY = 600.0  # seconds between two looks at silent directories, which read the journal
_OUTAGES = {
    Event.CALCOM_UNREACHABLE: "Cal.com cannot be reached",
    Event.KEY_REFUSED: "Cal.com refuses the API key",
    Event.RATE_LIMIT_USED_UP: "Another program uses up the rate limit of the API key",
}
_EVENTS_BY_KIND = {"auth": Event.KEY_REFUSED, "throttled": Event.RATE_LIMIT_USED_UP}


@dataclass(slots=True)
class ConditionReader:
    """Reads the present conditions.

    ``organizations``: those of the configuration. ``failing_passes``: incomplete full passes in a row.

    ``console_url``: the console's public URL; None without a console.
    """

    db: Database
    organizations: Sequence[str]
    failing_passes: int = 3
    console_url: str | None = None
    _silent: list[Condition] = field(default_factory=list, init=False)
    _silence_read: datetime | None = field(default=None, init=False)

    async def read(self, now: datetime) -> list[Condition]:
        """Return every condition; StoreError or a PostgresError if the database does not answer."""
        return [
            *await self._holds(),
            *await self._passes(),
            *await self._parked(),
            *await self._paused(),
            *await self._ending_tokens(now),
            *await self._silent_directories(now),
        ]

    async def _holds(self) -> list[Condition]:
        rows = await self.db.fetch(sql("notify.list_holds"), list(self.organizations))
        names = await self._team_names() if rows else {}
        found = []
        for row in rows:
            actions = orjson.loads(row["actions"])
            people = sorted({person_of(action) for action in actions})
            teams = sorted(
                {
                    action.get("team")
                    or names.get((row["organization"], action.get("team_id", 0)))
                    or str(action.get("team_id"))
                    for action in actions
                    if action.get("team") or action.get("team_id") is not None
                }
            )
            found.append(
                Condition(
                    Event.HOLD,
                    f"{row['organization']}:{row['hash']}",
                    row["first_seen"],
                    f"{len(actions)} changes wait for approval: {row['guard']}. "
                    f"{_listed(people, 'person', 'people')}.",
                    self._hold_steps(row["organization"], row["hash"]),
                    organization=row["organization"],
                    data={
                        "hash": row["hash"],
                        "guard": row["guard"],
                        "people": people[:LISTED],
                        "teams": teams[:LISTED],
                        "changes": len(actions),
                    },
                )
            )
        return found

    def _hold_steps(self, organization: str, hash_: str) -> tuple[str, ...]:
        """Return the commands that show and approve a held set, and its link in the console if there is one."""
        commands = ("calscim plan", f"calscim approve {hash_}")
        if self.console_url is None:
            return commands
        query = urlencode({"organization": organization})
        return (*commands, f"{self.console_url.rstrip('/')}/plan?{query}#hold-{hash_}")

    async def _team_names(self) -> dict[tuple[str, int], str]:
        rows = await self.db.fetch(sql("notify.list_team_names"), list(self.organizations))
        return {(row["organization"], row["team_id"]): row["team_name"] for row in rows}

    async def _passes(self) -> list[Condition]:
        found = []
        for row in await self.db.fetch(sql("notify.list_passes"), list(self.organizations)):
            name = row["organization"]
            if row["unreachable"] is not None:
                event = _EVENTS_BY_KIND.get(row["unreachable_kind"] or "", Event.CALCOM_UNREACHABLE)
                found.append(
                    Condition(
                        event,
                        name,
                        row["unreachable_since"],
                        f"{_OUTAGES[event]}: {row['unreachable'].rstrip('.')}. Pushes are journaled and follow later.",
                        ("calscim status", "calscim check"),
                        organization=name,
                        data={"reason": row["unreachable"]},
                    )
                )
            elif row["failing"] >= self.failing_passes:
                found.append(
                    Condition(
                        Event.PASSES_FAILING,
                        name,
                        row["failing_since"],
                        f"The last {row['failing']} full passes did not read everything: {row['failing_reason']}.",
                        ("calscim status", "calscim plan"),
                        organization=name,
                        data={"passes": row["failing"], "reason": row["failing_reason"]},
                    )
                )
        return found

    async def _parked(self) -> list[Condition]:
        return [
            Condition(
                Event.ACTION_PARKED,
                f"{row['organization']}:{row['kind']}:{row['subject']}:{row['team_id']}",
                row["since"],
                f"{row['kind'].partition('/')[0]} of {row['email']} failed {row['attempts']} times: {row['reason']}.",
                (f"calscim explain {row['email']}", f"calscim parked retry {row['email']}"),
                organization=row["organization"],
                data={
                    "kind": row["kind"].partition("/")[0],
                    "email": row["email"],
                    "user_id": row["subject"],
                    "team_id": row["team_id"] if row["team_id"] > 0 else None,
                    "reason": row["reason"],
                    "attempts": row["attempts"],
                },
            )
            for row in await self.db.fetch(sql("notify.list_parked"), list(self.organizations))
        ]

    async def _paused(self) -> list[Condition]:
        found = []
        for row in await self.db.fetch(sql("notify.list_paused"), list(self.organizations)):
            until = None if row["endless"] else row["until"]
            end = (
                "until an operator resumes it"
                if until is None
                else f"until {until:%Y-%m-%d %H:%M} UTC"
            )
            found.append(
                Condition(
                    Event.DIRECTORY_PAUSED,
                    row["id"],
                    row["since"],
                    f"The directory {row['name']} is paused since {row['since']:%Y-%m-%d %H:%M} UTC, {end}: "
                    "Okta's changes are accepted and do not reach Cal.com.",
                    (f"calscim directory resume {row['name']}",),
                    organization=row["organization"],
                    directory=row["name"],
                    data={"directory_id": row["id"]},
                )
            )
        return found

    async def _ending_tokens(self, now: datetime) -> list[Condition]:
        known = [one for one in await tokens(self.db) if one.organization in self.organizations]
        ending = [(one.token_id, one.detail) for one in expiring(known, now)]
        with_token = {_target(one) for one in known if one.state == "valid"}
        ended = [
            (
                one.id,
                f"token {one.id} ({one.name}) of {one.owner} has expired, and there is no other valid token",
            )
            for one in known
            if one.state == "expired" and _target(one) not in with_token
        ]
        by_id = {one.id: one for one in known}
        return [
            Condition(
                Event.TOKEN_EXPIRING,
                str(token_id),
                now,
                f"{detail[0].upper()}{detail[1:]}.",
                (_renewal(by_id[token_id]),),
                organization=by_id[token_id].organization,
                directory=by_id[token_id].directory,
                data={"token_id": token_id, "expires_at": _iso(by_id[token_id].expires_at)},
            )
            for token_id, detail in (*ending, *ended)
        ]

    async def _silent_directories(self, now: datetime) -> list[Condition]:
        read = self._silence_read
        if read is not None and (now - read).total_seconds() < SILENCE_EVERY:
            return self._silent
        rows = await self.db.fetch(
            sql("notify.list_silent"), list(self.organizations), LEAST_REQUESTS, LEAST_SILENCE
        )
        self._silent = [
            Condition(
                Event.DIRECTORY_SILENT,
                row["id"],
                row["last_request"],
                f"The directory {row['name']} has had no request since {row['last_request']:%Y-%m-%d %H:%M} UTC; "
                f"its longest pause in 30 days was {row['longest'] / 3600:.0f} hours. Look at the tasks of the app in "
                "the identity provider.",
                (f"calscim directory show {row['name']}",),
                organization=row["organization"],
                directory=row["name"],
                data={"directory_id": row["id"], "last_request": row["last_request"].isoformat()},
            )
            for row in rows
        ]
        self._silence_read = now
        return self._silent


def _listed(names: Sequence[str], singular: str, plural: str) -> str:
    """Return "3 people: a, b, c", with the first names only if there are many."""
    noun = singular if len(names) == 1 else plural
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {noun}: {', '.join(names[:LISTED])}{more}"


def _target(token: Token) -> tuple[str, str | None]:
    """Return what the token is for; tokens with the same target can replace each other."""
    return token.organization, token.directory_id


def _renewal(token: Token) -> str:
    """Return the command that gives the client of an ending token another one."""
    if token.directory is None:
        return f"calscim token create --events --organization {token.organization}"
    if token.state == "valid":
        return f"calscim token rotate {token.directory} --token {token.id}"
    return f"calscim token create {token.directory}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

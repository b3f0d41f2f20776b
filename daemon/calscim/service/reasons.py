"""One sentence on why somebody is, or is not, in the organization or on a team."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calscim.core.model import Action, CalUserId, Edge, Kind, Plan, TeamId, Unsettled, UserId
from calscim.reconcile.parking import key_of
from calscim.store.parked import Key, Parked

_INVITES = (Kind.CREATE.value, Kind.ATTACH.value)
_TAKES = (Kind.REMOVE.value, Kind.DEPROVISION.value)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the question is about. ``user`` None: an account no SCIM user is behind."""

    row: dict[str, Any]
    user: UserId | None
    cal_user: CalUserId | None
    email: str
    deleted_seq: int | None = None

    @property
    def active(self) -> bool:
        return bool(self.row.get("active")) and self.deleted_seq is None


def planned(plan: Plan, subject: Subject, team: TeamId | None) -> list[Action]:
    return [action for action in plan.actions if _is_about(action, subject, team)]


def unsettled(plan: Plan, subject: Subject, team: TeamId | None) -> list[Unsettled]:
    return [one for one in plan.unsettled if _is_about(one.action, subject, team)]


def in_place(plan: Plan, subject: Subject, team: TeamId | None) -> Edge | None:
    for edge in plan.in_place:
        if edge.team == team and edge.user == subject.user:
            return edge
    return None


def _is_about(action: Action, subject: Subject, team: TeamId | None) -> bool:
    """Attributes have a table of their own."""
    return (action.team, action.change) == (team, None) and (
        (subject.user is not None and action.user == subject.user)
        or (subject.cal_user is not None and action.cal_user == subject.cal_user)
    )


def until(early: Parked) -> str:
    return f"is parked until {early.next_try:%Y-%m-%d %H:%M:%S}Z: {early.reason}"


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is known of one person. ``gaps``: teams (None: the organization) that could not be read, and why not.

    ``unmapped``: in no mapped group where only those belong to the organization.
    ``sources``, ``ledger`` and ``actions`` are in the form of ``explain --json``, the actions with the latest first.
    """

    plan: Plan
    subject: Subject
    gaps: Mapping[TeamId | None, str]
    sources: Sequence[dict[str, Any]]
    ledger: Sequence[dict[str, Any]]
    actions: Sequence[dict[str, Any]]
    parked: Mapping[Key, Parked]
    unmapped: bool

    def because(self, team: TeamId | None, seen: str | None) -> str:
        """``team`` None: the organization; ``seen``: the role there. What is about to happen comes first."""
        return next(self._sentences(team, seen))

    def _sentences(self, team: TeamId | None, seen: str | None) -> Iterator[str]:
        """The first that is true is the one that counts."""
        subject = self.subject
        if team in self.gaps:
            yield f"not known now: {self.gaps[team]}"
        for action in planned(self.plan, subject, team):
            yield self._coming(action)
        for early in unsettled(self.plan, subject, team):
            yield early.reason
        for waiting in self.plan.waiting:
            if waiting.user == subject.user:
                yield f"waiting: {waiting.reason}"
        if subject.user is None:
            yield (
                "no directory knows this person; calscim leaves them where they are, except on exclusive teams"
            )
        if team is None or (seen is None and not subject.active):
            yield f"{'' if team is None else 'not on the team: '}{self._membership()}"
        assert team is not None
        yield from self._on_team(team, seen)

    def _coming(self, action: Action) -> str:
        """What is planned, and what it waits for."""
        kind = action.kind.value
        if (early := self.parked.get(key_of(action))) is not None:
            return f"{kind} {until(early)}"
        for invite in _INVITES if action.kind is Kind.ADD else ():
            if (early := self.parked.get(Key(invite, action.user or "", 0))) is not None:
                return f"{kind} waits for the account, {invite} {until(early)}"
        state = action.state.value
        return f"{kind} ({f'{state}: {action.guard}' if action.guard else state}): {action.because}"

    def _membership(self) -> str:
        row, seq = self.subject.row, self.subject.row.get("changed_seq")
        if self.subject.deleted_seq is not None:
            return f"the provider deleted this user (journal {self.subject.deleted_seq})"
        if not row.get("managed"):
            return "was in Cal.com already; the provider has not written to this user, so calscim leaves it alone"
        if not row.get("active"):
            return f"the provider says that this user is not active (journal {seq})"
        if self.unmapped:
            return f"an active user of the directory (journal {seq}), but in no mapped group, as provision_people asks"
        return f"an active user of the directory (journal {seq})"

    def _on_team(self, team: TeamId, seen: str | None) -> Iterator[str]:
        sources = [source for source in self.sources if source["team_id"] == team]
        giving = ", ".join(
            f"{source['group']} (journal {source['member_since_seq']})"
            for source in sources
            if source["gives"]
        )
        if giving and seen is not None:
            yield f"on the team as wanted: member of {giving}"
        if giving:
            yield f"not on the team yet: member of {giving}"
        left = [
            f"left {source['group']} (journal {source['left_seq']})"
            for source in sources
            if source["left_seq"]
        ]
        for entry in self.ledger:
            if seen is not None and entry["team_id"] == team and entry["origin"] == "added":
                why = left[-1] if left else "no mapped group wants it any more"
                yield f"still on the team: calscim put them there, and {entry['mode']} leaves them; {why}"
        if seen is not None:
            yield "on the team by hand: no mapped group wants it, and its mode leaves it alone"
        if left:
            yield f"not on the team: {left[-1]}"
        for action in self.actions:
            if action["team_id"] == team or action["kind"] in _TAKES:
                if action["kind"] in _TAKES and action["outcome"] == "done":
                    yield f"not on the team: {action['because']}"
                break
        yield "not on the team: in no group that is mapped to it"

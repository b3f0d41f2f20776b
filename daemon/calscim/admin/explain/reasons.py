"""One sentence that says why a person is or is not in the organization or on a team."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from calscim.admin.explain.entries import Subject
from calscim.admin.explain.explanation import LedgerEntry, PastAction, Source
from calscim.admin.plan_views import ActionView, WaitView
from calscim.planner.action_key import ActionKey, key_of
from calscim.planner.actions import Action, ChangeAttribute, Kind, team_of
from calscim.planner.desired_state import MembershipRecord
from calscim.planner.ids import TeamId
from calscim.planner.plan import Deferred, Plan
from calscim.reconciler.state.parked_actions import ParkedAction

_INVITES = (Kind.CREATE.value, Kind.ATTACH.value)
_TAKES = (Kind.REMOVE.value, Kind.DEPROVISION.value)
_PUT = {"added": "added this person", "adopted": "adopted this membership"}
_UNKNOWN = "no directory has this person; calscim leaves the account where it is, except on exclusive teams"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the last passes stored: parked actions, held actions with their limit, and waits."""

    parked: Mapping[ActionKey, ParkedAction]
    held: Sequence[ActionView]
    waiting: Sequence[WaitView]


def planned(plan: Plan, subject: Subject, team: TeamId | None) -> list[Action]:
    return [action for action in plan.actions if _is_about(action, subject, team)]


def deferred(plan: Plan, subject: Subject, team: TeamId | None) -> list[Deferred]:
    return [one for one in plan.deferred if _is_about(one.action, subject, team)]


def in_place(plan: Plan, subject: Subject, team: TeamId | None) -> MembershipRecord | None:
    for edge in plan.in_place:
        if edge.team == team and edge.user in subject.users:
            return edge
    return None


def _is_about(action: Action, subject: Subject, team: TeamId | None) -> bool:
    """Return True if the action is about this person and team, and not about an attribute."""
    return (
        team_of(action) == team
        and not isinstance(action, ChangeAttribute)
        and (
            action.user in subject.users
            or (subject.cal_user is not None and action.cal_user == subject.cal_user)
        )
    )


def until(early: ParkedAction) -> str:
    return f"is parked until {early.next_try:%Y-%m-%d %H:%M:%S}Z: {early.reason}"


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is known about one person. ``gaps``: why a team (None: the organization) could not be read.

    ``unmapped``: only members of mapped groups belong to the organization, and the person is in none. ``near``: by
    team, a mapping that waits for a group with a name similar to one of the person's groups.
    ``actions``: the latest first.
    """

    plan: Plan
    subject: Subject
    gaps: Mapping[TeamId | None, str]
    sources: Sequence[Source]
    ledger: Sequence[LedgerEntry]
    actions: Sequence[PastAction]
    memory: Memory
    unmapped: bool
    near: Mapping[TeamId | None, str] = field(default_factory=dict)

    def because(self, team: TeamId | None, seen: str | None) -> str:
        """Return the reason. ``team`` None: the organization. ``seen``: the observed role."""
        return next(self._sentences(team, seen))

    def _sentences(self, team: TeamId | None, seen: str | None) -> Iterator[str]:
        """Yield true reasons, the most important first."""
        subject = self.subject
        if team in self.gaps:
            yield f"unknown now: {self.gaps[team]}; according to the database: {self._remembered(team)}"
        for action in planned(self.plan, subject, team):
            yield self._coming(action)
        for early in deferred(self.plan, subject, team):
            yield early.reason
        for waiting in self.plan.waiting:
            if waiting.user in subject.users:
                yield f"waiting: {waiting.reason}"
        if subject.user is None:
            yield _UNKNOWN
        if team is None or (seen is None and not subject.active):
            yield f"{'' if team is None else 'not on the team: '}{self._membership()}"
        assert team is not None
        yield from self._on_team(team, seen)

    def _coming(self, action: Action) -> str:
        """Describe a planned action, and what it waits for."""
        kind = action.kind.value
        if (early := self.memory.parked.get(key_of(action))) is not None:
            return f"{kind} {until(early)}"
        for invite in _INVITES if action.kind is Kind.ADD else ():
            if (
                early := self.memory.parked.get(ActionKey(invite, action.user or "", 0))
            ) is not None:
                return f"{kind} waits for the account, {invite} {until(early)}"
        state = action.state.value
        return f"{kind} ({f'{state}: {action.guard}' if action.guard else state}): {action.reason}"

    def _membership(self) -> str:
        entry, seq = self.subject.entry, self.subject.entry.changed_seq
        if self.subject.deleted_seq is not None:
            return f"the provider deleted this user (journal {self.subject.deleted_seq})"
        if not entry.managed:
            return "was in Cal.com before; the provider has not written to this user, so calscim changes nothing"
        if not entry.active:
            return f"the provider says that this user is not active (journal {seq})"
        if self.unmapped:
            return f"an active user of the directory (journal {seq}), but in no mapped group, as provision_people asks"
        return f"an active user of the directory (journal {seq})"

    def _giving(self, team: TeamId) -> str:
        """Return the groups that ask for the membership."""
        return ", ".join(
            f"{source.group} (journal {source.member_since_seq})"
            for source in self.sources
            if source.team_id == team and source.gives
        )

    def _left(self, team: TeamId) -> list[str]:
        return [
            f"left {source.group} (journal {source.left_seq})"
            for source in self.sources
            if source.team_id == team and source.left_seq
        ]

    def _in_no_group(self, team: TeamId) -> str:
        near = f"; {self.near[team]}" if team in self.near else ""
        return f"in no group that is mapped to it{near}"

    def _made_by_others(self, team: TeamId) -> str:
        """Return what follows from a membership that calscim found in place, in `managed`."""
        if not any(
            entry.team_id == team and entry.origin == "found" and entry.mode == "managed"
            for entry in self.ledger
        ):
            return ""
        return "; added by others, so this person stays when the last group is gone: `calscim team adopt` changes that"

    def _on_team(self, team: TeamId, seen: str | None) -> Iterator[str]:
        giving, left = self._giving(team), self._left(team)
        if giving and seen is not None:
            yield f"on the team as wanted: member of {giving}{self._made_by_others(team)}"
        if giving:
            yield f"not on the team yet: member of {giving}"
        for entry in self.ledger:
            if seen is not None and entry.team_id == team and entry.origin in _PUT:
                why = left[-1] if left else "no mapped group wants it any more"
                yield f"still on the team: calscim {_PUT[entry.origin]}, and {entry.mode} never removes; {why}"
        if seen is not None:
            yield "on the team by hand: no mapped group wants it, and its mode leaves it alone"
        if left:
            yield f"not on the team: {left[-1]}"
        for action in self.actions:
            if action.user_id is not None and action.user_id not in self.subject.users:
                continue  # of another entry that had this account
            if action.team_id == team or action.kind in _TAKES:
                if action.kind in _TAKES and action.outcome == "done":
                    yield f"not on the team: {action.because}"
                break
        yield f"not on the team: {self._in_no_group(team)}"

    # ---------------------------------------------------------------- without Cal.com

    def _remembered(self, team: TeamId | None) -> str:
        """Describe what is wanted and what it waits for, as far as the database knows."""
        if self.subject.user is None:
            return _UNKNOWN
        return "; ".join((*self._wished(team), *self._stuck(team)))

    def _wished(self, team: TeamId | None) -> Iterator[str]:
        if team is None:
            yield self._membership()
            return
        if giving := self._giving(team):
            yield f"wanted on the team: member of {giving}"
        elif left := self._left(team):
            yield f"not wanted on the team any more: {left[-1]}"
        else:
            yield f"not wanted on the team: {self._in_no_group(team)}"
        for entry in self.ledger:
            if entry.team_id == team:
                yield f"calscim {_PUT.get(entry.origin, 'found this person there')}"

    def _stuck(self, team: TeamId | None) -> Iterator[str]:
        """Yield what has been held, parked or waiting since the last pass."""
        subject = self.subject
        for action in self.memory.held:
            if action.team_id == team and self._is_theirs(action):
                yield f"{action.kind} is held: {action.guard}"
        for key, early in self.memory.parked.items():
            if key.subject in subject.users and key.team == team:
                yield f"{key.action} {until(early)}"
        reasons = {
            wait.reason: None
            for wait in self.memory.waiting
            if wait.team_id in (None, team) and self._is_theirs(wait)
        }
        yield from (f"waiting: {reason}" for reason in reasons)

    def _is_theirs(self, entry: ActionView | WaitView) -> bool:
        subject = self.subject
        if entry.user_id is not None:
            return entry.user_id in subject.users
        if entry.cal_user_id is not None:
            return entry.cal_user_id == subject.cal_user
        return bool(subject.email) and entry.email == subject.email

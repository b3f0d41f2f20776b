"""Carries out a plan, one action after the other: one bad person or team stops nobody else.

Refuses to remove or demote without a last look at the person, and stops when the lease, the key or
Cal.com itself is gone.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from calscim.calcom.reader import Reader
from calscim.calcom.writer import Outcome, Result, Writer
from calscim.core.accounts import NOT_ACCEPTED
from calscim.core.model import (
    Action,
    CalUserId,
    Cause,
    Change,
    Incomplete,
    Kind,
    Link,
    OrgMember,
    Plan,
    Role,
    State,
    Step,
    Team,
    TeamMember,
    UserId,
    Waiting,
)
from calscim.core.values import PROFILE
from calscim.reconcile.attributes import Telling
from calscim.reconcile.joining import Joining, is_deleted
from calscim.reconcile.lastlook import LastLook
from calscim.reconcile.leaving import Leaving
from calscim.reconcile.newteams import NewTeams
from calscim.reconcile.parking import Parking, Tally, key_of
from calscim.reconcile.progress import Progress
from calscim.reconcile.record import Recorder
from calscim.reconcile.view import UNKNOWN, View

GIVE_UP_AFTER = 3  # calls in a row without an answer: Cal.com is away, the rest waits
THROTTLED_TRIES = 5


class Away(Exception):  # noqa: N818 - a state of affairs, not a fault
    """Cal.com does not answer, or does not take the key: nothing else will succeed now."""


@dataclass(slots=True)
class Performer:
    """The hands of one pass."""

    reader: Reader
    writer: Writer
    view: View
    record: Recorder
    last_look: LastLook
    parking: Parking
    request_ids: Mapping[Cause, str]
    default_request_id: str
    interrupted: Callable[[], bool]
    new_teams: NewTeams
    progress: Progress
    telling: Telling
    joining: Joining
    leaving: Leaving
    replan: Callable[[UserId], Awaitable[Sequence[Action]]]  # a person's changes of attributes
    _made: dict[UserId, CalUserId] = field(default_factory=dict)
    _silent: int = 0

    @property
    def tally(self) -> Tally:
        return self.parking.tally

    async def perform(self, plan: Plan) -> Tally:
        """Do what may run, in the plan's order. LeaseLost and StoreUnavailable end it."""
        queue = deque(action for action in plan.actions if action.state is State.RUN)
        throttled, of = 0, len(queue)
        while queue:
            await self.progress.come_to(of - len(queue), of)
            if self.interrupted():
                self.tally.interrupted = True
                self.tally.pending += queue
                break
            action = queue.popleft()
            try:
                if await self._is_outdated(action):
                    queue = await self._replanned(action, queue)
                    continue
                again = await self._one(action, queue)
            except Away as away:
                self.tally.away = str(away)
                self.tally.pending += [action, *queue]
                break
            if again:
                throttled += 1
                if throttled > THROTTLED_TRIES:
                    self.tally.away = "Cal.com's rate limit is used up by somebody else"
                    self.tally.pending += [action, *queue]
                    break
                queue.appendleft(action)
        return self.tally

    async def _one(self, action: Action, upcoming: Iterable[Action]) -> bool:
        """True: to be tried again in this pass, once the rate limit lets it."""
        if self.parking.is_early(action):
            self.tally.count("parked", action)
            return False
        if action.kind is Kind.TEAM:
            return await self._new_team(action)
        if self._awaits_acceptance(action):
            assert action.user is not None, "teams and attributes are those of users"
            self.tally.waiting[action.user] = Waiting(action.user, action.email, NOT_ACCEPTED)
            return False
        ready = self._resolve(action)
        if ready is None:
            self.tally.count("blocked", action)
            return False
        if ready.kind in (Kind.CREATE, Kind.ATTACH):
            prepared = await self._prepared(ready, upcoming)
            if prepared is None:
                return False
            ready = prepared
        ready, refusal = await self.last_look.take(ready)
        if isinstance(refusal, Incomplete):
            await self.parking.park(action, refusal.reason, refused=False)
            return False
        if refusal is not None:
            await self.parking.park(action, refusal, refused=True)
            return False
        if ready.change is not None:
            await self.telling.claim(ready, ready.change)
        if ready.kind is Kind.DEPROVISION:
            return await self._deprovision(ready)
        outcome = await self.writer.perform(ready, self._request_id(action))
        return await self._settle(ready, outcome)

    async def _deprovision(self, action: Action) -> bool:
        assert action.cal_user is not None, "a member has an account"
        request_id = self._request_id(action)
        stopped = await self.leaving.leave_teams(action, request_id)
        if stopped is not None:
            return await self._settle(action, stopped)
        before = self.view.memberships_of(action.cal_user)
        outcome = await self.writer.perform(action, request_id)
        again = await self._settle(action, outcome)
        if outcome.result is Result.DONE:
            await self.leaving.learn(action, before, request_id)
        return again

    # -------------------------------------------------------------- before the call

    async def _prepared(self, action: Action, upcoming: Iterable[Action]) -> Action | None:
        """Return what is to be performed; None: the person is a member already, or the look failed."""
        others = (other for other in upcoming if other.kind in (Kind.CREATE, Kind.ATTACH))
        prepared = await self.joining.prepare(action, others)
        if isinstance(prepared, Link):
            await self._recognised(action, prepared)
            return None
        return prepared

    async def _recognised(self, action: Action, link: Link) -> None:
        self._made[link.user] = link.cal_user
        await self.record.link(link)
        self.tally.count("already", action)
        await self.record.unpark(key_of(action))

    async def _is_outdated(self, action: Action) -> bool:
        """Return True if the person has other options than the plan was made for; read once a pass."""
        change = action.change
        if change is None or change.step is Step.OPTION or self.parking.is_early(action):
            return False
        account = action.cal_user
        if account is None and action.user is not None:
            account = self._made.get(action.user)
        return account is not None and await self.telling.is_outdated(account)

    async def _replanned(self, action: Action, queue: deque[Action]) -> deque[Action]:
        """The queue with the person's changes of attributes planned again, and first."""
        assert action.user is not None, "attributes are those of users"
        rest = [one for one in queue if one.change is None or one.user != action.user]
        return deque([*await self.replan(action.user), *rest])

    def _awaits_acceptance(self, action: Action) -> bool:
        """Return True if an earlier action made the person pending: the rest follows the acceptance."""
        if action.user is None or (action.kind is not Kind.ADD and action.change is None):
            return False
        cal_user = action.cal_user or self._made.get(action.user)
        person = None if cal_user is None else (self.view.people or {}).get(cal_user)
        return person is not None and not person.has_joined

    def _resolve(self, action: Action) -> Action | None:
        """Fill in the account that an earlier action of this plan made; None while there is none."""
        change = action.change
        if action.kind is not Kind.ADD and change is None:
            return action
        team = action.team
        if action.new_team is not None and team is not None:
            team = self.new_teams.made.get(team)
            if team is None:
                return None
        cal_user = action.cal_user
        if cal_user is None and action.user is not None:
            cal_user = self._made.get(action.user)
        if cal_user is None:
            return None
        ready = replace(action, cal_user=cal_user, team=team, new_team=None)
        return (
            ready if change is None else self.telling.ready(ready, change, self.view.held(cal_user))
        )

    def _request_id(self, action: Action) -> str:
        if action.cause is None:
            return self.default_request_id
        return self.request_ids.get(action.cause, self.default_request_id)

    async def _new_team(self, action: Action) -> bool:
        """Looks for the team first: it may be there, by hand or by a call whose answer was lost."""
        assert action.team is not None and action.new_team is not None
        there = await self.new_teams.look(action.new_team)
        if there is None:
            outcome = await self.writer.perform(action, self._request_id(action))
            if outcome.result is not Result.CONFLICT:
                return await self._settle(action, outcome)
            there = await self.new_teams.look(action.new_team) or Incomplete(
                f"{outcome.detail}; Cal.com does not show the team yet"
            )
        if isinstance(there, Team):
            await self.new_teams.found(action.team, there, self._request_id(action))
            self.tally.count("already", action)
            await self.record.unpark(key_of(action))
        elif isinstance(there, Incomplete):
            await self.parking.park(action, there.reason, refused=False)
        else:
            await self.parking.park(action, there, refused=True)
        return False

    # -------------------------------------------------------------- after the call

    async def _settle(self, action: Action, outcome: Outcome) -> bool:
        await self._learn(outcome)
        if is_deleted(action, outcome):
            return await self._create_anew(action)
        result = outcome.result
        self._silent = self._silent + 1 if result is Result.UNKNOWN else 0
        match result:
            case Result.DONE | Result.ALREADY | Result.GONE:
                if (
                    result is Result.GONE
                    and not _takes_value(action)
                    and action.kind
                    in (
                        Kind.ACCEPT,
                        Kind.ADD,
                        Kind.ATTACH,
                        Kind.CREATE,
                        Kind.UPDATE,
                        Kind.ROLE,
                        Kind.TEAM,
                    )
                ):
                    self.view.doubt_after(action, gone=True)
                    await self.parking.park(action, outcome.detail, refused=True)
                    return False
                await self._done(action, outcome)
                self.tally.count(result.value, action)
                await self.record.unpark(key_of(action))
            case Result.CONFLICT:
                return await self._conflict(action, outcome)
            case Result.NO_PROFILE:
                if action.cal_user is not None:
                    self.view.lacks_profile(action.cal_user)
                self.tally.count("blocked", action)
            case Result.REFUSED:
                await self.parking.park(action, outcome.detail, refused=True)
            case Result.UNKNOWN:
                self.view.doubt_after(action, gone=False)
                await self.parking.park(action, outcome.detail, refused=False)
                if self._silent >= GIVE_UP_AFTER:
                    raise Away(outcome.detail)
            case Result.THROTTLED:
                self.tally.count("throttled", action)
                return True
            case Result.AUTH:
                raise Away(outcome.detail)
            case _:
                assert_never(result)
        return False

    async def _learn(self, outcome: Outcome) -> None:
        """Remember what an answer showed of the build."""
        invites = outcome.invites_by_email
        if invites is not None and invites is not self.view.traits.invites_by_email:
            self.view.traits = replace(self.view.traits, invites_by_email=invites)
            await self.record.learn("invites_by_email", value=invites)

    async def _create_anew(self, action: Action) -> bool:
        """Create the account that was to be attached and does not exist in Cal.com any more."""
        created = await self.joining.replace_deleted(action)
        outcome = await self.writer.perform(created, self._request_id(action))
        return await self._settle(created, outcome)

    async def _conflict(self, action: Action, outcome: Outcome) -> bool:
        """The account exists: attach it by address or by number, or recognise it in the organization."""
        if action.kind is not Kind.CREATE or action.user is None:
            if action.change is not None:  # an option that somebody made meanwhile: read next time
                self.view.attributes.forget(action.change)
            await self.parking.park(action, outcome.detail, refused=action.change is None)
            return False
        attach, attached = await self.joining.attach_existing(action, self._request_id(action))
        await self._learn(attached)
        if attached.result not in (Result.CONFLICT, Result.ALREADY, Result.GONE, Result.REFUSED):
            return await self._settle(attach, attached)
        recognised = await self.joining.recognise(action)
        if isinstance(recognised, Link):
            await self._recognised(action, recognised)
        elif isinstance(recognised, Incomplete):
            await self.parking.park(action, recognised.reason, refused=False)
        elif attached.result in (Result.GONE, Result.REFUSED):
            await self.parking.park(
                action,
                "an account with this address exists outside the organization, this Cal.com does not let it be "
                "attached by address, and calscim does not know its number: invite the person by hand once "
                f"({attached.detail})",
                refused=True,
            )
        else:
            await self.parking.park(
                action, "the account exists, but is not shown in the organization", refused=False
            )
        return False

    async def _done(self, action: Action, outcome: Outcome) -> None:
        match action.kind:
            case Kind.CREATE | Kind.ATTACH:
                await self._joined(action, outcome)
            case Kind.UPDATE if action.change is not None:
                await self._told(action, action.change, outcome)
            case Kind.UPDATE:
                assert action.cal_user is not None
                self.view.changed(action.cal_user, email=action.email, name=action.name)
                await self._preferences(action, action.cal_user)
            case Kind.DEPROVISION:
                assert action.cal_user is not None
                self.view.left(action.cal_user, action.membership or UNKNOWN)
                await self.record.left(action.cal_user)
            case Kind.TEAM:
                assert outcome.team is not None
                await self.new_teams.created(action, outcome.team, self._request_id(action))
            case Kind.ACCEPT:
                assert action.cal_user is not None and action.team is not None
                self.view.accepted_on_team(action.team, action.cal_user)
            case Kind.ADD | Kind.ROLE:
                await self._on_team(action, outcome)
            case Kind.REMOVE:
                assert action.cal_user is not None and action.team is not None
                self.view.took(action.team, action.cal_user, action.membership or UNKNOWN)
                await self.record.taken(action.team, action.cal_user)
                if action.creator:
                    await self.record.release(action.team)
            case _:
                assert_never(action.kind)

    async def _told(self, action: Action, change: Change, outcome: Outcome) -> None:
        if change.step is Step.OPTION:
            assert outcome.option is not None
            self.view.attributes.made(change, outcome.option)
            return
        assert action.cal_user is not None
        held = self.view.held(action.cal_user) or ()
        self.view.told(
            action.cal_user, await self.telling.done(change, outcome, action.cal_user, held)
        )

    async def _joined(self, action: Action, outcome: Outcome) -> None:
        cal_user = outcome.cal_user or action.cal_user
        if cal_user is None or action.user is None:
            self.view.doubt(None)
            return
        if action.membership is not None:
            if outcome.result is Result.ALREADY:
                self.view.found_profile(action.membership)
            else:
                self.view.made_pending(cal_user)
            return
        created = action.kind is Kind.CREATE
        self.view.joined(
            OrgMember(
                membership=outcome.membership or UNKNOWN,
                user=cal_user,
                email=action.email,
                name=action.name or "",
                username="",
                role=action.role or Role.MEMBER,
                accepted=outcome.accepted is not False,
                attributes=(),
                has_profile=created or action.has_profile or None,
            )
        )
        origin = "created" if created else "attached"
        await self._link(action.user, cal_user, origin, action.email)
        if created:
            self.telling.has_none(cal_user)
            await self._preferences(action, cal_user)
        if action.role not in (None, Role.MEMBER):
            await self.record.office(action, cal_user)

    async def _preferences(self, action: Action, cal_user: CalUserId) -> None:
        """Locale and time zone are on record once they were told: no list shows them."""
        if action.preferences is not None:
            await self.record.told([(cal_user, PROFILE, action.preferences)])

    async def _link(self, user: UserId, cal_user: CalUserId, origin: str, email: str) -> None:
        self._made[user] = cal_user
        await self.record.link(Link(user, cal_user, origin, email))

    async def _on_team(self, action: Action, outcome: Outcome) -> None:
        assert action.cal_user is not None
        if action.team is None:
            self.view.changed(action.cal_user, role=action.role)
            await self.record.office(action, action.cal_user)
            return
        before = self.view.teams.get(action.team, {}).get(action.cal_user)
        membership = outcome.membership or (before.membership if before else UNKNOWN)
        role = action.role or Role.MEMBER
        made = action.kind is Kind.ADD and outcome.result is Result.DONE
        # Who was there already has the role they had.
        if made or action.kind is Kind.ROLE or before is None:
            self.view.put(action.team, TeamMember(membership, action.cal_user, role, accepted=True))
        await self.record.given(action, membership, made=made)
        if action.creator:
            await self.record.release(action.team)


def _takes_value(action: Action) -> bool:
    return action.change is not None and action.change.step is Step.UNASSIGN

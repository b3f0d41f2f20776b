"""Measure the time and the memory of a plan for a company of 50,000 people and 1,000 teams.

There are three scenarios of the same size: Cal.com is in sync; a morning's changes; a first import into an empty
organization. The times cover planning and the limits only, not the reads of the database and of Cal.com. The target is
less than a second and less than 300 MB, including both states. The benchmark runs in separate processes, so that it
measures only its own memory.
"""

import gc
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage

from benchmarks.machine import describe
from calscim.planner.context import PlanInputs, make_context
from calscim.planner.desired_state import DesiredState, Link, Mapping, MembershipRecord, User
from calscim.planner.ids import (
    CalUserId,
    DirectoryId,
    GroupId,
    MappingId,
    MembershipId,
    TeamId,
    UserId,
)
from calscim.planner.modes import Mode
from calscim.planner.observed_state import Complete, ObservedState, OrgMember, TeamMember
from calscim.planner.plan import Scope
from calscim.planner.planner import propose
from calscim.planner.policy import Policy
from calscim.planner.roles import Role
from calscim.planner.safeguards.limits import Guards
from calscim.planner.safeguards.limits_check import hold_over_limits

PEOPLE, TEAMS, EACH = 50_000, 1_000, 4  # EACH: the number of groups of each person
POLICY, GUARDS = Policy("acme", protected=frozenset({"ceo@acme.com"})), Guards()
OKTA = DirectoryId("okta")
REPEATS = 5

World = tuple[DesiredState, ObservedState]


def world(people: int = PEOPLE, teams: int = TEAMS, *, there: float = 1.0) -> World:
    """Return both states. ``there`` is the share of people who already have an account and their teams."""
    users, links, accounts = {}, {}, {}
    members: dict[GroupId, dict[UserId, int]] = {GroupId(f"g{n}"): {} for n in range(teams)}
    seats: dict[TeamId, dict[CalUserId, TeamMember]] = {TeamId(n + 1): {} for n in range(teams)}
    ledger = {}
    for number in range(people):
        user, account = UserId(f"user-{number}"), CalUserId(number + 10)
        email = f"person{number}@acme.com"
        users[user] = User(
            user, OKTA, email, f"Person {number}", active=True, managed=True, seq=number
        )
        known = number < there * people
        if known:
            links[user] = Link(user, account, "created", email)
            accounts[account] = OrgMember(
                MembershipId(number),
                account,
                email,
                f"Person {number}",
                "",
                Role.MEMBER,
                accepted=True,
            )
        for turn in range(EACH):
            place = (number * 7 + turn * 311) % teams
            members[GroupId(f"g{place}")][user] = number
            if known:
                team, seat = TeamId(place + 1), MembershipId(number * EACH + turn)
                seats[team][account] = TeamMember(seat, account, Role.MEMBER, accepted=True)
                ledger[team, account] = MembershipRecord(
                    team,
                    account,
                    user,
                    "added",
                    Role.MEMBER,
                    Mode.MANAGED,
                    (MappingId(place + 1),),
                    seat,
                )
    mappings = tuple(
        Mapping(
            MappingId(n + 1),
            OKTA,
            f"g{n}",
            GroupId(f"g{n}"),
            TeamId(n + 1),
            Role.MEMBER,
            Mode.MANAGED,
            n,
        )
        for n in range(teams)
    )
    directory = DesiredState(
        users=users,
        deleted_users={},
        groups={group: group for group in members},
        members=members,
        former={},
        mappings=mappings,
        links=links,
        ledger=ledger,
    )
    observed = ObservedState(
        CalUserId(1), Complete(accounts), {team: Complete(read) for team, read in seats.items()}
    )
    return directory, observed


def changed(before: World) -> World:
    """Return the states after a morning: 1 in 100 members left a group, and 1 in 200 users was deactivated."""
    directory, observed = before
    former = {}
    for group, members in directory.members.items():
        for number, user in enumerate(list(members)):
            if number % 100 == 0:
                former[group, user] = 60_000 + members.pop(user)  # type: ignore[attr-defined]
    for number, (user, one) in enumerate(list(directory.users.items())):
        if number % 200 == 0:
            directory.users[user] = User(  # type: ignore[index]
                user, OKTA, one.email, one.name, active=False, managed=True, seq=70_000 + number
            )
    directory.former.update(former)  # type: ignore[attr-defined]
    return directory, observed


def seconds(work: Callable[[], object]) -> float:
    """Return the median processor time of several runs; other programs do not affect it."""
    took = []
    for _ in range(REPEATS):
        gc.collect()
        before = time.process_time()
        work()
        took.append(time.process_time() - before)
    return sorted(took)[REPEATS // 2]


def passes(name: str, made: World) -> None:
    """Print the times of planning and of checking the limits."""
    directory, observed = made
    inputs = PlanInputs(directory, observed, POLICY, guards=GUARDS)
    planned, context = propose(inputs), make_context(inputs)
    took = seconds(lambda: propose(inputs))
    guarding = seconds(lambda: hold_over_limits(planned, context))
    print(
        f"  {name:<34}{took * 1000:>8.0f} ms{guarding * 1000:>8.0f} ms"
        f"{len(planned.actions):>10}{len(planned.in_place):>10}"
    )


def floor(made: World) -> float:
    """Return the baseline: the time to look once at each person and each membership."""
    directory, observed = made

    def look() -> int:
        count = 0
        for user in directory.users:
            count += user in directory.links
        for team, read in observed.teams.items():
            assert isinstance(read, Complete)
            for account in read.value:
                count += (team, account) in directory.ledger
        return count

    return seconds(look)


def measure() -> None:
    """Measure plans for a company that is already imported."""
    print(f"planning {PEOPLE:,} people, {TEAMS:,} teams, {PEOPLE * EACH:,} memberships")
    print(f"  {'':<34}{'plan':>11}{'guards':>11}{'actions':>10}{'in place':>10}")
    made = world()
    baseline = floor(made)
    passes("everything in place", made)
    one = Scope(users=frozenset({UserId("user-77")}))
    took = seconds(lambda: propose(PlanInputs(made[0], made[1], POLICY, one)))
    print(f"  {'one person, of everything read':<34}{took * 1000:>8.0f} ms")
    print(f"  {'baseline: one look at everything':<34}{baseline * 1000:>8.0f} ms")
    tracemalloc.start()
    propose(PlanInputs(made[0], made[1], POLICY))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    passes("a morning's changes", changed(made))
    print(
        f"  most memory of a plan {peak / 1e6:.0f} MB; of the process, both worlds included, "
        f"{getrusage(RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def measure_import() -> None:
    """Measure the plan of a first import."""
    passes("a first import", world(there=0.0))
    print(f"  most memory of the process {getrusage(RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    print(describe())
    for name in ("measure", "measure_import"):
        code = f"from benchmarks import planning; planning.{name}()"
        print(subprocess.check_output([sys.executable, "-c", code], text=True), end="")


if __name__ == "__main__":
    main()

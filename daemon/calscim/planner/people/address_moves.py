"""Order the changes of addresses, and use interim addresses where accounts exchange addresses in a circle.

The rules:

- Cal.com gives an address to one account only (409 CONFLICT), so an address is freed before it is reused.
- If accounts exchange addresses in a circle, no change can be the first. One account moves to an interim address: its
  new address with ``+calscim-`` and the account's number after the local part, so that mail still arrives. An account
  is on an interim address exactly if its address ends with the account's own number in this form.
- The account on the interim address is then the end of an ordinary chain, so a pass after a crash needs no other
  record to finish.
- Owners, the API key's user, and protected people never move to an interim address.
- If one member of the circle may not be changed now, no member moves. The changes stay in the plan and are not made
  while another account has the address, so the organization is not in sync.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from calscim.names import address_key
from calscim.planner.actions import State
from calscim.planner.desired_state import DesiredState, User
from calscim.planner.ids import CalUserId
from calscim.planner.observed_state import OrgMember

LOCAL_PART = 64  # characters before the @, RFC 5321 4.5.3.1.1
_MARK = re.compile(r"\+calscim-([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Move:
    """An account whose user has another address in the directory. ``may_go_aside``: to an interim address."""

    user: User
    member: OrgMember
    state: State
    may_go_aside: bool

    @property
    def old(self) -> str:
        return address_key(self.member.email)

    @property
    def new(self) -> str:
        return address_key(self.user.email)


@dataclass(frozen=True, slots=True)
class AddressStep:
    """A change of an address.

    ``place``: the chain or the circle that the change is part of, and its turn. ``circle``: how many accounts exchange
    their addresses, 0 without an exchange. ``is_stuck``: none of these accounts may go to an interim address.
    """

    move: Move
    place: tuple[str, int] = ("", 0)
    is_interim: bool = False
    circle: int = 0
    is_stuck: bool = False


@dataclass(frozen=True, slots=True)
class Steps:
    """The ordered changes. ``blocked``: moves to an address that another account has and keeps."""

    steps: tuple[AddressStep, ...]
    blocked: tuple[Move, ...]


def interim_address(account: CalUserId, address: str) -> str:
    """Return the interim address of an account on its way to ``address``."""
    local, _, domain = address.rpartition("@")
    mark = f"+calscim-{account}"
    return f"{local[: LOCAL_PART - len(mark)]}{mark}@{domain}"


def is_interim_address(account: CalUserId, address: str) -> bool:
    """Return True if calscim gave the account this address for the time of an exchange."""
    found = _MARK.search(address.rpartition("@")[0])
    return found is not None and int(found[1]) == account


def find_contested_addresses(
    desired: DesiredState, people: Mapping[CalUserId, OrgMember]
) -> set[str]:
    """Return the addresses that users of the directories want and other accounts have."""
    held = {address_key(person.email): account for account, person in people.items()}
    return {
        address
        for address, person in _wanted(desired, people)
        if held.get(address, person.user) != person.user
    }


def find_released_addresses(
    desired: DesiredState, people: Mapping[CalUserId, OrgMember]
) -> set[str]:
    """Return the addresses of accounts whose users have other ones in the directories."""
    return {
        address_key(person.email)
        for address, person in _wanted(desired, people)
        if address not in ("", address_key(person.email))
    }


def _wanted(
    desired: DesiredState, people: Mapping[CalUserId, OrgMember]
) -> Iterator[tuple[str, OrgMember]]:
    for user in desired.users.values():
        link = desired.links.get(user.id)
        person = None if link is None else people.get(link.cal_user)
        if person is not None and user.active and user.managed:
            yield address_key(user.email), person


def order_moves(moves: Iterable[Move], held: Mapping[str, CalUserId]) -> Steps:
    """Put the moves in order. ``held``: which account has an address now; addresses by their keys."""
    claims: dict[str, Move] = {}
    blocked: list[Move] = []
    for move in sorted(moves, key=lambda one: one.member.user):
        if move.new in claims:
            blocked.append(move)
        else:
            claims[move.new] = move
    moving = {move.member.user: move for move in claims.values()}
    followers = {
        held[move.new]: move for move in claims.values() if held.get(move.new) in moving
    }  # the user who gets the address that an account gives up
    ordered: list[AddressStep] = []
    placed: set[CalUserId] = set()
    for move in claims.values():
        if move.new in held and held[move.new] != move.member.user:
            continue
        chain = _chain(move, followers)
        stuck = next((n for n, one in enumerate(chain) if one.state is not State.RUN), len(chain))
        going = chain[: stuck + 1]
        ordered += _placed(going)
        blocked += chain[stuck + 1 :]
        placed |= {one.member.user for one in chain}
    for move in claims.values():
        if move.member.user in placed:
            continue
        chain = _chain(move, followers)
        if followers.get(chain[-1].member.user) is not move:
            if held[move.new] not in moving:  # the first move of a chain that cannot begin
                blocked += chain
                placed |= {one.member.user for one in chain}
            continue
        ordered += _circle(chain)
        placed |= {one.member.user for one in chain}
    return Steps(tuple(ordered), tuple(blocked))


def _chain(first: Move, followers: Mapping[CalUserId, Move]) -> list[Move]:
    """Return the move and the moves that it makes room for, in order; each account once."""
    chain = [first]
    while (
        following := followers.get(chain[-1].member.user)
    ) is not None and following is not first:
        chain.append(following)
    return chain


def _placed(chain: list[Move]) -> list[AddressStep]:
    if len(chain) == 1:
        return [AddressStep(chain[0])]
    name = chain[-1].new  # stays the last account of the circle
    return [AddressStep(move, (name, turn)) for turn, move in enumerate(chain, start=1)]


def _circle(chain: list[Move]) -> list[AddressStep]:
    """Return the account that moves aside first and gets its address last."""
    size = len(chain)
    aside = next((n for n, move in enumerate(chain) if move.may_go_aside), None)
    runs = all(move.state is State.RUN for move in chain)
    if aside is not None:
        chain = [*chain[aside + 1 :], *chain[: aside + 1]]
    name = chain[-1].new
    found: list[AddressStep] = []
    if aside is not None and runs:
        found.append(AddressStep(chain[-1], (name, 0), is_interim=True, circle=size))
    found += [
        AddressStep(move, (name, turn), circle=size, is_stuck=aside is None)
        for turn, move in enumerate(chain, start=1)
    ]
    return found

"""What operators let calscim do to a team and to the members of the organization."""

from enum import Enum


class Mode(Enum):
    """What a mapping lets calscim do to its team. The operator chooses it; there is no default."""

    OBSERVE = "observe"  # report only
    ADD_ONLY = "add-only"
    MANAGED = "managed"  # add, and remove what calscim itself added
    EXCLUSIVE = "exclusive"  # the team consists of exactly its groups


class PeopleMode(Enum):
    """What calscim may do to organization memberships."""

    MANAGED = "managed"
    OBSERVE = "observe"
    ADD_ONLY = "add-only"


class Provision(Enum):
    """Which users of a directory get an organization membership."""

    ASSIGNED = "assigned"  # every active user
    MAPPED = "mapped"  # only members of a mapped group

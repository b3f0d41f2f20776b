"""What operators let calscim do to a team and to the organization's members."""

from enum import Enum


class Mode(Enum):
    """What a mapping lets calscim do to its team; chosen by the operator, there is no default."""

    OBSERVE = "observe"  # report only
    ADD_ONLY = "add-only"
    MANAGED = "managed"  # add, and remove what calscim itself added
    EXCLUSIVE = "exclusive"  # the team is exactly its groups


class PeopleMode(Enum):
    """What may be done to organization membership."""

    MANAGED = "managed"
    OBSERVE = "observe"
    ADD_ONLY = "add-only"


class Provision(Enum):
    """Who of a directory gets organization membership."""

    ASSIGNED = "assigned"  # every active user
    MAPPED = "mapped"  # only members of a mapped group

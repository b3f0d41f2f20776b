"""The roles in Cal.com's organizations and teams."""

from enum import Enum


class Role(Enum):
    """Cal.com's roles; a higher rank includes the lower ones."""

    MEMBER = "MEMBER"
    ADMIN = "ADMIN"
    OWNER = "OWNER"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}

"""Types of identifiers: calscim's own are UUIDs as text, Cal.com's are integers."""

from typing import NewType

DirectoryId = NewType("DirectoryId", str)
UserId = NewType("UserId", str)  # a SCIM user of ours
GroupId = NewType("GroupId", str)
MappingId = NewType("MappingId", int)
CalUserId = NewType("CalUserId", int)  # an account of Cal.com's
TeamId = NewType("TeamId", int)
MembershipId = NewType("MembershipId", int)  # of an organization or of a team

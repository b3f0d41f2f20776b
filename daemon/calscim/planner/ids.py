"""Types of identifiers: calscim's own ids are UUIDs as text, Cal.com's ids are integers."""

from typing import NewType

DirectoryId = NewType("DirectoryId", str)
UserId = NewType("UserId", str)  # a SCIM user in calscim
GroupId = NewType("GroupId", str)
MappingId = NewType("MappingId", int)
CalUserId = NewType("CalUserId", int)  # an account in Cal.com
TeamId = NewType("TeamId", int)
MembershipId = NewType("MembershipId", int)  # of an organization or a team

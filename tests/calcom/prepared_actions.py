"""The actions that the tests of the writer carry out, and the details of a refusal."""

from calscim.planner.actions import (
    AddMember,
    AttachUser,
    ChangeAddress,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    ReinviteUser,
    RemoveMember,
)
from calscim.planner.roles import Role

ADA = "ada@acme.example"
ADD = AddMember(ADA, "because", cal_user=105, team=9, role=Role.ADMIN)
ATTACH = AttachUser(ADA, "because")
CREATE = CreateUser(ADA, "because")
DEPROVISION = DeprovisionUser(ADA, "because", cal_user=105, membership=5)
KNOWN = AttachUser(ADA, "because", cal_user=105)
REMOVE = RemoveMember(ADA, "because", cal_user=105, membership=5, team=9)
ROLE = ChangeTeamRole(ADA, "because", cal_user=105, membership=5, team=9, role=Role.ADMIN)
UPDATE = ChangeAddress(ADA, "because", cal_user=105)

HALF_MEMBER = ReinviteUser(ADA, "because", cal_user=105, membership=5, role=Role.ADMIN)


def invalid(*properties):
    """Return the details of a 400 about these fields."""
    return {"errors": [{"property": name, "constraints": {"x": "no"}} for name in properties]}

"""What Cal.com has after an action, and what the reconciler then remembers."""

from dataclasses import replace

from calscim.planner.actions import (
    AcceptMember,
    Action,
    AddMember,
    AttachUser,
    AttributeChange,
    AttributeOp,
    ChangeAddress,
    ChangeAttribute,
    ChangeOrgRole,
    ChangePreferences,
    ChangeTeamRole,
    CreateUser,
    DeprovisionUser,
    ReinviteUser,
    RemoveMember,
)
from calscim.planner.attributes.changes import apply_change, has_target_value, must_unassign_first
from calscim.planner.attributes.values import PREFERENCES
from calscim.planner.desired_state import (
    Link,
    MembershipRecord,
    OrgRoleGrant,
)
from calscim.planner.ids import (
    CalUserId,
    MembershipId,
)
from calscim.planner.observed_state import (
    OrgMember,
    TeamMember,
)
from calscim.planner.plan import Plan
from calscim.planner.roles import Role


class AppliesActions:
    """The methods of a planner's world that carry out actions."""

    def apply(self, action: Action) -> None:
        """Change Cal.com as the action does, and record what the reconciler would."""
        match action:
            case CreateUser() | AttachUser():
                self._joined(action)
            case ReinviteUser():
                person = self.people[action.cal_user]
                self.people[person.user] = replace(person, accepted=False, has_profile=None)
            case ChangeAttribute():
                self._told(action, action.change)
            case ChangeAddress() | ChangePreferences():
                person = self.people[action.cal_user]
                self.people[action.cal_user] = replace(person, email=action.email)
                record = None if action.preferences is None else action.preferences.record
                self._remember(action.cal_user, PREFERENCES, record)
            case DeprovisionUser():
                self._left(action.cal_user)
            case AddMember():
                self._added(action)
            case AcceptMember():
                member = self.teams[action.team][action.cal_user]
                self.teams[action.team][action.cal_user] = replace(member, accepted=True)
            case ChangeOrgRole():
                person = self.people[action.cal_user]
                self.people[action.cal_user] = replace(person, role=action.role)
                self._office(action, action.cal_user)
            case ChangeTeamRole():
                members = self.teams[action.team]
                members[action.cal_user] = replace(members[action.cal_user], role=action.role)
                edge = self.ledger.get((action.team, action.cal_user))
                if edge is not None:
                    self.ledger[action.team, action.cal_user] = replace(edge, role=action.role)
            case RemoveMember():
                del self.teams[action.team][action.cal_user]
                self.ledger.pop((action.team, action.cal_user), None)

    def _told(self, action: Action, change: AttributeChange) -> None:
        """Change an attribute as Cal.com does: the option must exist, and no value is replaced."""
        attribute = self.attributes[change.attribute.id]
        if change.op is AttributeOp.OPTION:
            assert change.value not in attribute.options
            options = {**attribute.options, change.value: f"{attribute.id}={change.value}"}
            self.attributes[attribute.id] = replace(attribute, options=options)
            return
        account = action.cal_user or self.links[action.user].cal_user
        held = self.people[account].attributes or ()
        option = change.option
        if change.op is AttributeOp.ASSIGN:
            assert not must_unassign_first(held, change)
            if attribute.type.selects:
                option = attribute.options[change.value]
            option = option or f"{attribute.id}={change.value}"
        else:
            assert option in {one.option for one in held}
        after = apply_change(held, change, option)
        self.people[account] = replace(self.people[account], attributes=after)
        self.applied_attributes.setdefault((account, attribute.id), "[]")
        if has_target_value(after, change):
            self._remember(account, attribute.id, change.target)

    def _remember(self, account: CalUserId, attribute: str, whole: str) -> None:
        if whole:
            self.applied_attributes[account, attribute] = whole
        else:
            self.applied_attributes.pop((account, attribute), None)

    def _joined(self, action: Action) -> None:
        account = action.cal_user or CalUserId(self._number())
        name = action.email.removesuffix("@acme.com")
        self.accounts.setdefault(name, account)
        membership = MembershipId(self._number())
        role = action.role or Role.MEMBER
        person = OrgMember(membership, account, action.email, name, name, role, True, ())
        self.people[account] = person
        origin = "created" if isinstance(action, CreateUser) else "attached"
        self.links[action.user] = Link(action.user, account, origin, action.email)
        if isinstance(action, CreateUser):
            self._remember(account, PREFERENCES, action.preferences.record)
        self.missed.pop(action.user, None)
        self._office(action, account)

    def _left(self, account: CalUserId) -> None:
        del self.people[account]
        for members in self.teams.values():
            members.pop(account, None)
        self.former_accounts |= {
            user: account for user, link in self.links.items() if link.cal_user == account
        }
        self.links = {user: link for user, link in self.links.items() if link.cal_user != account}
        self.ledger = {key: edge for key, edge in self.ledger.items() if key[1] != account}
        self.org_role_grants.pop(account, None)

    def _office(self, action: Action, account: CalUserId) -> None:
        self.org_role_grants.pop(account, None)
        if action.user is not None and action.role is not Role.MEMBER and action.mode is not None:
            self.org_role_grants[account] = OrgRoleGrant(
                account, action.user, action.role, action.mode, action.mappings
            )

    def _added(self, action: Action) -> None:
        account = action.cal_user or self.links[action.user].cal_user
        membership = MembershipId(self._number())
        self.teams[action.team][account] = TeamMember(membership, account, action.role, True)
        self.ledger[action.team, account] = MembershipRecord(
            action.team,
            account,
            action.user,
            "added",
            action.role,
            action.mode,
            action.mappings,
            membership,
        )

    def note(self, planned: Plan) -> None:
        """Record links and memberships as the reconciler does before it acts."""
        for link in planned.links:
            self.links[link.user] = link
        for edge in planned.in_place:
            self.ledger[edge.team, edge.cal_user] = edge
        for account, attribute, whole in planned.applied_attributes:
            self._remember(account, attribute, whole)

"""Plan without the daemon: what would be done now, also with mappings that are not saved yet."""

from dataclasses import dataclass

from calscim.admin.mapping_preview import with_edits
from calscim.admin.mappings import MappingEdits
from calscim.admin.plan_views import ActionView, PlanView, plan_view
from calscim.admin.teams import reading
from calscim.admin.waiting_mappings import WaitingMapping, waiting_mappings
from calscim.clock import SystemClock
from calscim.config import Organization, Settings
from calscim.exit_codes import ExitCode
from calscim.planner.action_key import digest
from calscim.planner.actions import State
from calscim.planner.plan import Plan, Scope
from calscim.planner.render import exit_code
from calscim.postgres.pool import Database
from calscim.reconciler.approvals import decide, remember
from calscim.reconciler.desired_loader import load_desired_state
from calscim.reconciler.from_settings import rules
from calscim.reconciler.observed_cache import (
    ObservedCache,
    accounts_of_active_users,
    relevant_teams,
)
from calscim.reconciler.state import build_traits
from calscim.reconciler.state.desired_state import DesiredSnapshot


@dataclass(frozen=True, slots=True)
class Inspection:
    """Desired and observed state of one organization, and its plan.

    ``saved``: the plan of the saved mappings, if ``plan`` is a preview of other ones.
    """

    organization: str
    picture: DesiredSnapshot
    view: ObservedCache
    plan: Plan
    journal_seq: int
    waiting_mappings: tuple[WaitingMapping, ...]
    saved: Plan | None = None

    @property
    def shown(self) -> PlanView:
        """Return the plan as operators see it."""
        return plan_view(
            self.plan, self.journal_seq, self.view.team_catalog.names, self.waiting_mappings
        )

    @property
    def exit_code(self) -> int:
        """Return the exit code of `calscim plan`."""
        return ExitCode.FAILED if self.plan.incomplete else exit_code(self.plan)

    @property
    def already_planned(self) -> int:
        """Return how many changes of a preview are planned without it too."""
        return 0 if self.saved is None else len(_changes(self.plan) & _changes(self.saved))

    @property
    def only_with_preview(self) -> tuple[ActionView, ...]:
        """Return the changes that the preview adds to what is planned without it."""
        known = set() if self.saved is None else _changes(self.saved)
        return tuple(
            shown
            for action, shown in zip(self.plan.actions, self.shown.actions, strict=True)
            if (digest([action]), action.state) not in known
        )

    @property
    def no_longer_planned(self) -> int:
        """Return how many changes are planned now and would not be with the preview."""
        return 0 if self.saved is None else len(_changes(self.saved) - _changes(self.plan))


def _changes(plan: Plan) -> set[tuple[str, State]]:
    """Return the changes of a plan in a form that compares equal for two plans of one observed state."""
    return {(digest([action]), action.state) for action in plan.actions}


async def inspect(
    db: Database,
    settings: Settings,
    organization: Organization,
    edits: MappingEdits | None = None,
) -> Inspection:
    """Read desired and observed state completely, and plan. Held sets are stored, so that they can be approved.

    ``edits``: plan as if these edits of mappings were saved, and store nothing.
    """
    ruled = rules(settings, organization)
    async with reading(settings, organization) as reader:
        before = picture = await load_desired_state(db, ruled, SystemClock().now())
        if edits is not None:
            picture = await with_edits(db, picture, edits.of(organization.name))
        view = ObservedCache(traits=await build_traits.load(db, organization.name))
        await view.read_key(reader)
        await view.read_everything(reader, picture.desired)
        await view.read_profiles(reader, accounts_of_active_users(picture.desired, view))
        await view.attributes.look(reader, picture.desired, ruled.policy, again=True)
    planned = await decide(
        db, picture, view.observed(), ruled, Scope(), everything=True, is_preview=True
    )
    head = max(picture.heads.values(), default=0)
    unbound = await waiting_mappings(db, organization.name)
    if edits is None:
        await remember(db, organization.name, planned, everything=not planned.incomplete)
        return Inspection(organization.name, picture, view, planned, head, unbound)
    observed = view.observed(relevant_teams(before.desired))
    saved = await decide(db, before, observed, ruled, Scope(), everything=True, is_preview=True)
    return Inspection(organization.name, picture, view, planned, head, unbound, saved)

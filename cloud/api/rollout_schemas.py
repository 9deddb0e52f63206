"""What the API takes and answers about rollouts, as OpenAPI describes it.

Rule: a plan is judged by `ota.rollout_plan`, once; what stands here only gives it a shape and words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from cloud.store.rollout_facts import Place
from ota.maintenance import EVERY_DAY, MaintenanceWindow
from ota.member import Member, MemberState
from ota.rollout import Awaited, Rollout, RolloutState, tallies
from ota.rollout_plan import Filter, Group, Plan, ReleaseRef, Timeouts
from ota.waiting import explain, explain_briefly

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Why = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]
Where = dict[str, list[str]]
_WHERE = "Attributes (device, version, agent_version, accelerator, or a label) with the patterns that do"


FindReleases = Callable[..., Sequence[ReleaseRef]]
"""Family and versions to what they are made of."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class WindowIn(_In):
    """Hours at which machines may be updated."""

    zone: str = Field(description="IANA time zone of the machines", examples=["Europe/Berlin"])
    start: time = Field(examples=["22:00"])
    end: time = Field(description="Not after `start`: on the next day", examples=["04:00"])
    days: list[int] = Field(default=list(EVERY_DAY), description="On which it starts; 0 is Monday")

    def build(self) -> MaintenanceWindow:
        """As the rules know it."""
        return MaintenanceWindow(self.zone, self.start, self.end, tuple(self.days))


class GroupIn(_In):
    """Devices that are updated together."""

    name: Name = Field(examples=["canary"])
    share: float = Field(default=1.0, description="Of those that match and no earlier group took, 0..1")
    where: Where = Field(default={}, description=_WHERE, examples=[{"line": ["3"]}])
    success_share: float = Field(
        default=0.9, description="Of the reachable, so many must be confirmed before the next group"
    )
    error_share: float = Field(default=0.1, description="Of the reachable; more failures halt the rollout")
    soak_s: float = Field(default=0.0, description="How long that success must have lasted, in s")
    windows: list[WindowIn] = Field(
        default=[], description="When its devices may be assigned it; none: always"
    )

    def build(self) -> Group:
        """As the rules know it."""
        return Group(
            self.name,
            self.share,
            _filter(self.where),
            self.success_share,
            self.error_share,
            self.soak_s,
            tuple(window.build() for window in self.windows),
        )


class PlanIn(_In):
    """A rollout to be written down; nothing begins before it is started."""

    family: str = Field(description="Machine profile's name", max_length=60, examples=["pump"])
    version: str = Field(
        description="Of the release, as the repository lists it", max_length=60, examples=["7-0a1b2c3d4e5f"]
    )
    groups: list[GroupIn] = Field(
        description="In this order; the first is the canary",
        examples=[
            [{"name": "canary", "share": 0.05, "success_share": 1.0, "error_share": 0}, {"name": "rest"}]
        ],
    )
    where: Where = Field(default={}, description=_WHERE, examples=[{"site": ["north"]}])
    needs_approval: bool = Field(default=False, description="By somebody else than its author")
    back_to: str | None = Field(
        default=None,
        description="The version that an abort may send devices back to; null: none",
        max_length=60,
        examples=["6-112233445566"],
    )
    reachable_s: float = Field(default=900.0, description="Heard within so many s is reachable")
    not_while_alarming: bool = Field(default=True, description="Leave machines with an open alarm alone")
    timeouts_s: dict[str, float] = Field(
        default={}, description="Of states, in s, where not the usual ones", examples=[{"probation": 86400}]
    )
    deadline_s: float = Field(default=60 * 86_400.0, description="From the start; then it halts, in s")
    false_halt: float | None = Field(
        default=0.01,
        description="Chance that comparing alarms halts a release that changes nothing; null: do not compare",
    )

    def build(self, author: str, find: FindReleases) -> Plan:
        """As the rules know it.

        Args:
            author: Who writes it down.
            find: Looks a family's versions up.

        Raises:
            UpdateError: it could not be carried out, or a version is not to be found.
        """
        release, *others = find(self.family, self.version, *([self.back_to] if self.back_to else []))
        return Plan(
            release=release,
            groups=tuple(group.build() for group in self.groups),
            author=author,
            where=_filter(self.where),
            needs_approval=self.needs_approval,
            back_to=others[0] if others else None,
            reachable_s=self.reachable_s,
            not_while_alarming=self.not_while_alarming,
            timeouts=Timeouts.usual_but(self.timeouts_s),
            deadline_s=self.deadline_s,
            false_halt=self.false_halt,
        )


class Reason(_In):
    """Why it is asked."""

    why: Why = Field(default="", description="Kept in the audit trail", examples=["shift change"])


class Resume(Reason):
    """Why it goes on, and until when it has time."""

    deadline: AwareDatetime | None = Field(default=None, description="A new one; needed when the old is over")


class Abort(Reason):
    """Why it is called off."""

    send_back: bool = Field(default=False, description="Send devices that run the release to `back_to`")


class GroupOut(_Out):
    """How a group stands."""

    name: str
    is_open: bool = Field(description="Its devices are being told")
    members: int
    counted: int = Field(description="Reachable or failed: what shares are taken of")
    confirmed: int = Field(description="Run the release and have passed its probation, by their own report")
    failed: int
    under_way: int
    pending: int
    away: int = Field(description="Not heard lately")
    deferred: int = Field(description="Left for later: their hours or their alarms did not let them")


class RolloutOut(BaseModel):
    """A rollout as it stands."""

    id: str = Field(examples=["r-1a2b3c4d5e"])
    state: RolloutState
    why: str = Field(description="What it waits for now, or why it ended")
    waits_for: Awaited = Field(description="The kind of thing that it waits for, as of its last step")
    waits_since: datetime | None = Field(description="Since when it waits for that kind of thing")
    family: str = Field(examples=["pump"])
    version: str = Field(examples=["7-0a1b2c3d4e5f"])
    back_to: str | None = Field(description="The version that an abort may send devices back to")
    author: str
    approved_by: str
    created_at: datetime
    started_at: datetime | None
    deadline: datetime | None
    groups: list[GroupOut] = Field(description="Empty in a list of rollouts")


class RolloutList(BaseModel):
    """Rollouts, newest first."""

    rollouts: list[RolloutOut]


class MemberOut(BaseModel):
    """A device's place in a rollout."""

    device_id: str = Field(examples=["pump-07"])
    group: str
    state: MemberState
    since: datetime = Field(description="Moved on by the time that the device was not heard")
    is_reachable: bool
    assignment: int = Field(description="Its number; 0: none yet")
    attempts: int
    confirmed_at: datetime | None
    reason_code: str
    reason: str


class MemberPage(BaseModel):
    """Devices of a rollout, by id."""

    devices: list[MemberOut]
    next_after: str | None = Field(description="Give it as `after` for the next page; null on the last")


class EventOut(_Out):
    """An entry of the audit trail."""

    id: int
    time: datetime
    who: str = Field(description="A person, or `scheduler`")
    what: str
    why: str
    device_id: str = Field(description="Empty: the rollout as a whole")


class EventPage(BaseModel):
    """An audit trail, oldest first."""

    events: list[EventOut]
    next_after: int | None = Field(description="Give it as `after` for the next page; null on the last")


def _state_name(value: Any) -> Any:
    return "unknown" if value is None else value.name.lower()


class ReportOut(_Out):
    """What a device said of an update."""

    id: int
    event_time: datetime
    ingest_time: datetime
    assignment: int
    rollout: str
    state: Annotated[str, BeforeValidator(_state_name), Field(examples=["probation"])]
    in_charge: str = Field(description="The version whose scores count, as the device says")
    under_way: str
    previous: str
    reason_code: str
    reason: str


class ReportList(BaseModel):
    """A device's reports, newest first."""

    reports: list[ReportOut]


class PlaceIn(_In):
    """Where a device stands, and when it may be updated."""

    labels: dict[Name, Name] = Field(default={}, examples=[{"site": "north", "line": "3"}])
    windows: list[WindowIn] = Field(default=[], description="Its own hours; none: always")

    def build(self) -> Place:
        """As the store keeps it."""
        return Place(self.labels, tuple(window.build() for window in self.windows))


def rollout_out(rollout: Rollout, now: datetime | None) -> RolloutOut:
    """A rollout with how its groups stand; without them where no time is given."""
    counts = zip(rollout.plan.groups, tallies(rollout, now), strict=True) if now else ()
    names = [name for name in GroupOut.model_fields if name not in {"name", "is_open"}]
    groups = [
        GroupOut(
            name=group.name,
            is_open=number <= rollout.group,
            **{name: getattr(count, name) for name in names},
        )
        for number, (group, count) in enumerate(counts)
    ]
    own = ("id", "state", "approved_by", "created_at", "started_at", "deadline", "waits_since")
    release, back_to = rollout.plan.release, rollout.plan.back_to
    wait = explain(rollout, now) if now else explain_briefly(rollout)
    return RolloutOut(
        **{name: getattr(rollout, name) for name in own},
        why=wait.sentence,
        waits_for=wait.kind,
        back_to=back_to.version if back_to else None,
        family=release.family,
        version=release.version,
        author=rollout.plan.author,
        groups=groups,
    )


def member_out(rollout: Rollout, device: str, member: Member) -> MemberOut:
    """A member with the name of its group."""
    own = ("state", "since", "is_reachable", "attempts", "confirmed_at", "reason_code", "reason")
    return MemberOut(
        device_id=device,
        group=rollout.plan.groups[member.group].name,
        assignment=member.number,
        **{name: getattr(member, name) for name in own},
    )


def place_out(place: Place) -> PlaceIn:
    """As it was said."""
    windows = [
        WindowIn(zone=each.zone, start=each.start, end=each.end, days=list(each.days))
        for each in place.windows
    ]
    return PlaceIn(labels=dict(place.labels), windows=windows)


def _filter(where: Where) -> Filter:
    return Filter({name: tuple(patterns) for name, patterns in where.items()})

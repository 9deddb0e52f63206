"""A plan and a fleet on paper, for the tests of rollouts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contract.updates import UpdateState
from ota.member import DeviceFacts, Held, Member, MemberState, Report
from ota.rollout import Change, Event, Rollout, RolloutState, create, start
from ota.rollout_plan import Group, Plan, ReleaseRef
from ota.rollout_step import Order, OrderKind, Step, step

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
NEW = ReleaseRef("pump", "7-aaaaaaaaaaaa", "a" * 64, 20_000)
OLD = ReleaseRef("pump", "6-bbbbbbbbbbbb", "b" * 64, 20_000)
CANARY = Group("canary", share=0.2, success_share=1.0, error_share=0.0)
REST = Group("rest", error_share=0.25)


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "release": NEW,
        "groups": (CANARY, REST),
        "author": "Aylin Kaya",
        "back_to": OLD,
    }
    return Plan(**values | changes)


@dataclass
class World:
    """A rollout over devices `d00` … that do what a test says."""

    plan: Plan
    n_devices: int = 10
    now: datetime = NOON
    rollout: Rollout = field(init=False)
    facts: dict[str, DeviceFacts] = field(init=False)
    silent: set[str] = field(default_factory=set)
    orders: list[Order] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts = {}
        for number in range(self.n_devices):
            self.add(f"d{number:02}")
        self.rollout = create("r-1", self.plan, self.now).rollout
        if not self.plan.needs_approval:
            self.rollout = start(self.rollout, 1, self.now).rollout

    def add(self, device: str, **changes: Any) -> None:
        facts = DeviceFacts(device, "pump", {"device": device, "version": OLD.version}, self.now)
        self.facts[device] = replace(facts, **changes)

    def take(self, change: Change) -> None:
        self.rollout = change.rollout
        self.events += change.events

    def go(self, seconds: float = 60.0, steps: int = 1) -> Step:
        """Let time pass and take a step; devices that are not silent are heard."""
        for _ in range(steps):
            self.now += timedelta(seconds=seconds)
            for device, facts in self.facts.items():
                if device not in self.silent:
                    self.facts[device] = replace(facts, heard_at=self.now)
            taken = step(self.rollout, self.facts, self.now)
            self.rollout = taken.rollout
            self.orders += taken.orders
            self.events += taken.events
            for order in taken.orders:
                held = Held(order.number, self.rollout.rank)
                self.facts[order.device] = replace(self.facts[order.device], held=held)
        return taken

    def say(self, device: str, state: UpdateState, in_charge: str | None = None, **changes: Any) -> None:
        """Let a device report on its newest assignment."""
        held = self.facts[device].held
        runs_new = state in (UpdateState.PROBATION, UpdateState.CONFIRMED)
        values: dict[str, Any] = {
            "assignment": held.number if held else 0,
            "rollout": self.rollout.id,
            "state": state,
            "in_charge": in_charge or (NEW if runs_new else OLD).version,
        }
        self.facts[device] = replace(self.facts[device], report=Report(**values | changes))

    def say_all(self, state: UpdateState, devices: list[str] | None = None) -> list[str]:
        """Let everybody that is under way report the same."""
        chosen = devices if devices is not None else self.of(MemberState.ASSIGNED)
        for device in chosen:
            self.say(device, state)
        return chosen

    def is_now(self, state: RolloutState) -> bool:
        """Whether the rollout stands so."""
        return self.rollout.state is state

    def of(self, state: MemberState, group: int | None = None) -> list[str]:
        return sorted(
            device
            for device, member in self.rollout.members.items()
            if member.state is state and group in (None, member.group)
        )

    def member(self, device: str) -> Member:
        return self.rollout.members[device]

    def told(self, kind: OrderKind = OrderKind.INSTALL) -> list[str]:
        return sorted(order.device for order in self.orders if order.kind is kind)

    def through_canary(self) -> list[str]:
        """The canary confirmed, and everybody else told."""
        self.go()
        canary = self.say_all(UpdateState.CONFIRMED)
        self.go(steps=2)
        return canary

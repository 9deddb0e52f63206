"""What happens to a simulated fleet: releases that are good and bad, one after the other, and new keys.

Rule: a scenario is a script over a world, and knows how the world must end; it tells no part what to do but
what people and time do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ota.roles import DIRECTOR_ROLE, SNAPSHOT, TIMESTAMP
from ota.rollout import RolloutState
from ota.rollout_plan import Group, Plan, ReleaseRef, Timeouts
from simulators.ota.audit import Expected, audit
from simulators.ota.cast import DAY_S, HOUR_S, USUAL, Hardships, cast
from simulators.ota.device import POLL_S
from simulators.ota.models import Behaviour, make_release
from simulators.ota.office import PERSON
from simulators.ota.radio import CONTACT_S
from simulators.ota.world import World

BEGINS_S = DAY_S / 4
"""When the first release is rolled out, virtual."""
PATIENCE_S = DAY_S
"""How long a device must have been reachable to be held to the right version."""
CANARY_SHARE, FEWEST_CANARIES = 0.05, 8
"""Of the fleet, and in a fleet that is too small for that."""
_CRASHES = Behaviour(passes_test=0.5, agrees=0.2)
_ALARMS = Behaviour(alarms_per_day=4.0)


@dataclass(slots=True)
class Course:
    """What a scenario has set going."""

    right: ReleaseRef
    """What everybody must end on."""
    bad: ReleaseRef | None = None
    rollouts: dict[str, RolloutState] = field(default_factory=dict)
    """In which state each must end."""


Script = Callable[[World, Course], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One script."""

    summary: str
    script: Script
    days: float
    """How long its world lasts, virtual."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a world."""

    n_devices: int = 1000
    seed: int = 1
    hardships: Hardships = USUAL


@dataclass(frozen=True, slots=True)
class Result:
    """How a world ended."""

    findings: tuple[str, ...]
    """What must never happen, and did."""
    figures: Mapping[str, float]
    expected: Expected = field(repr=False)
    world: World = field(repr=False)


def play(scenario: Scenario, size: Size, folder: Path) -> Result:
    """Play a scenario to its end.

    Args:
        scenario: Which.
        size: Of its world.
        folder: Empty; best in memory.
    """
    began = time.perf_counter(), time.process_time()
    parts = cast(size.n_devices, size.seed, scenario.days, size.hardships)
    world = World(folder, parts, size.seed)
    course = Course(world.factory)
    scenario.script(world, course)
    try:
        world.run(scenario.days * DAY_S)
        expected = expect(world, course)
        findings = audit(world.ledger, expected)
        took = {"wall_s": time.perf_counter() - began[0], "cpu_s": time.process_time() - began[1]}
        figures = measure(world, expected) | took
        return Result(tuple(findings), figures | {"violations": float(len(findings))}, expected, world)
    finally:
        world.office.close()


def expect(world: World, course: Course) -> Expected:
    """How a world must have ended."""
    end_s = world.now_s
    reachable = [device.part for device in world.devices if not device.part.lies]
    reachable = [part for part in reachable if part.gone_at_s is None]
    reachable = [part for part in reachable if all(to < end_s - PATIENCE_S for _, to in part.away)]
    rollouts = {rollout: world.office.rollout(rollout) for rollout in course.rollouts}
    ends = {each.id: (str(each.state), str(course.rollouts[each.id])) for each in rollouts.values()}
    canary = {
        device
        for each in rollouts.values()
        if course.bad is not None and each.plan.release == course.bad
        for device, member in each.members.items()
        if member.group == 0
    }
    return Expected(
        factory=world.factory.sha256,
        right=course.right.sha256,
        reachable=frozenset(part.device for part in reachable),
        bad=frozenset({course.bad.sha256} if course.bad else ()),
        canary=frozenset(canary),
        most_canaries=math.ceil(canary_share(len(world.devices)) * len(world.devices)),
        rollouts=ends,
    )


def measure(world: World, expected: Expected) -> dict[str, float]:
    """What it took."""
    ledger, n = world.ledger, len(world.devices)
    arrived = sorted(
        max(0.0, ledger.right_since[device] - BEGINS_S) / HOUR_S
        for device in expected.reachable
        if ledger.running.get(device) == expected.right
    )
    traffic = [device.link.traffic for device in world.devices]
    ran_bad = {each.device for each in ledger.scored if each.sha256 in expected.bad}
    figures = {
        "devices": n,
        "reachable": len(expected.reachable),
        "on_right_version": len(arrived),
        "had_bad_release": len(ran_bad),
        "to_50_pct_h": _quantile(arrived, 0.5),
        "to_90_pct_h": _quantile(arrived, 0.9),
        "to_all_h": _quantile(arrived, 1.0),
        "body_bytes_per_device": sum(each.body_bytes for each in traffic) / n,
        "requests_per_device": sum(each.requests for each in traffic) / n,
        "looks_per_device": sum(device.tally.looks for device in world.devices) / n,
        "idle_looks_per_device": sum(device.tally.idle for device in world.devices) / n,
        "failed_requests": sum(each.failed for each in traffic),
        "cut_bodies": sum(each.cut for each in traffic),
        "resumed_bodies": sum(each.resumed for each in traffic),
        "spared_bytes": sum(each.spared_bytes for each in traffic),
        "power_cuts": sum(device.tally.cuts for device in world.devices),
        "assignments": len(ledger.told),
        "messages": ledger.stored,
        "redelivered": world.office.redelivered,
    }
    return {name: float(value) for name, value in figures.items()}


def _quantile(values: list[float], share: float) -> float:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def canary_share(n_devices: int) -> float:
    """Of a fleet."""
    return max(CANARY_SHARE, min(1.0, FEWEST_CANARIES / n_devices))


def plan(release: ReleaseRef, back_to: ReleaseRef, n_devices: int) -> Plan:
    """As a careful person writes it."""
    groups = (
        Group("canary", share=canary_share(n_devices), success_share=0.85, error_share=0.15, soak_s=DAY_S),
        Group("early", share=0.25, success_share=0.85, error_share=0.15, soak_s=6 * HOUR_S),
        Group("rest", success_share=0.85, error_share=0.15),
    )
    return Plan(
        release,
        groups,
        PERSON,
        back_to=back_to,
        reachable_s=3 * CONTACT_S,
        timeouts=Timeouts.usual_but({"assigned": 4 * POLL_S}),
    )


def _good(world: World, course: Course) -> None:
    course.right = world.publish(make_release(2, training=2))
    _begin_at(world, course, BEGINS_S, course.right, RolloutState.COMPLETED)


def _crashes(world: World, course: Course) -> None:
    course.bad = world.publish(make_release(2, training=2), _CRASHES)
    _begin_at(world, course, BEGINS_S, course.bad, RolloutState.ABORTED)


def _alarms(world: World, course: Course) -> None:
    course.bad = world.publish(make_release(2, training=2), _ALARMS)
    _begin_at(world, course, BEGINS_S, course.bad, RolloutState.ABORTED)


def _two(world: World, course: Course) -> None:
    """The second, fine-tuned from the first, begins while the first is under way."""
    first = world.publish(make_release(2, training=2))
    course.right = world.publish(make_release(3, training=2))
    _begin_at(world, course, BEGINS_S, first, RolloutState.COMPLETED)
    _begin_at(world, course, BEGINS_S + 1.6 * DAY_S, course.right, RolloutState.COMPLETED)


def _rotation(world: World, course: Course) -> None:
    """New keys while devices are under way; the old ones are revoked at once."""
    _good(world, course)

    def rotate() -> None:
        for role in (DIRECTOR_ROLE, SNAPSHOT, TIMESTAMP):
            world.publisher.rotate(role)
        world.restart_scheduler()

    world.at(BEGINS_S + 1.3 * DAY_S, rotate)


def _begin_at(world: World, course: Course, time_s: float, release: ReleaseRef, ends: RolloutState) -> None:
    def begin() -> None:
        course.rollouts[world.begin(plan(release, world.factory, len(world.devices)))] = ends

    world.at(time_s, begin)


SCENARIOS: Mapping[str, Scenario] = {
    "good": Scenario("a good release", _good, 8.0),
    "crashes": Scenario(
        "a release that half of the devices refuse, and most others roll back", _crashes, 8.0
    ),
    "alarms": Scenario("a release that passes its trial, and alarms too much afterwards", _alarms, 8.0),
    "two": Scenario("two releases, the second while the first is under way", _two, 9.0),
    "rotation": Scenario("a good release; director and online keys change halfway", _rotation, 8.0),
}

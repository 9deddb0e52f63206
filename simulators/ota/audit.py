"""Did anything happen that must never happen? Checks over the world's ledger.

Rule: pure; nothing is asked of the parts but which devices the cloud has in a canary, and how its rollouts
ended. Each finding is a line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from simulators.ota.ledger import Deed, Ledger


@dataclass(frozen=True, slots=True)
class Expected:
    """How a world must have ended."""

    factory: str
    """SHA-256 of what every device is born with."""
    right: str
    """SHA-256 of what every reachable device must run."""
    reachable: frozenset[str]
    """Devices that had a connection and power for as long as an update may take at most."""
    bad: frozenset[str] = frozenset()
    """SHA-256 of releases that must not get beyond their canary."""
    canary: frozenset[str] = frozenset()
    most_canaries: int = 0
    """As many devices as a canary may have."""
    rollouts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """State in which each ended, and in which it must."""


def audit(ledger: Ledger, expected: Expected) -> list[str]:
    """Everything that is wrong; empty where nothing is."""
    return [
        *unverified(ledger),
        *untried(ledger, expected),
        *strayed(ledger, expected),
        *stuck(ledger, expected),
        *fallen_numbers(ledger),
        *doubled(ledger),
        *unended(expected),
    ]


def unverified(ledger: Ledger) -> Iterator[str]:
    """Bytes that ran, in a test, in a shadow or in charge, before they were signed or without."""
    for each in ledger.scored:
        since_s = ledger.published.get(each.sha256)
        if since_s is None or each.time_s < since_s:
            yield f"{each.device} {each.deed} {each.sha256[:12]}, which nobody had signed"


def untried(ledger: Ledger, expected: Expected) -> Iterator[str]:
    """What was in charge of a device without a test and a shadow run there."""
    seen: dict[tuple[str, str], set[Deed]] = defaultdict(set)
    for each in ledger.scored:
        before = seen[each.device, each.sha256]
        lacks = {Deed.TESTED, Deed.SHADOWED} - before
        if each.deed is Deed.RAN and each.sha256 != expected.factory and lacks:
            yield f"{each.device} ran {each.sha256[:12]}, which it had not {' and '.join(sorted(lacks))}"
        before.add(each.deed)


def strayed(ledger: Ledger, expected: Expected) -> Iterator[str]:
    """A bad release beyond its canary, or in a canary that is too large."""
    ran = {
        each.device for each in ledger.scored if each.sha256 in expected.bad and each.deed is not Deed.TESTED
    }
    tested = {each.device for each in ledger.scored if each.sha256 in expected.bad}
    for device in sorted((ran | tested) - expected.canary):
        yield f"{device} is in no canary and had a bad release"
    if expected.bad and len(ran | tested) > expected.most_canaries:
        yield f"{len(ran | tested)} devices had a bad release; a canary has {expected.most_canaries}"


def stuck(ledger: Ledger, expected: Expected) -> Iterator[str]:
    """Reachable devices that run something else."""
    for device in sorted(expected.reachable):
        running = ledger.running.get(device, "nothing")
        if running != expected.right:
            yield f"{device} was reachable and runs {running[:12]}, not {expected.right[:12]}"


def fallen_numbers(ledger: Ledger) -> Iterator[str]:
    """Assignments whose numbers do not rise, as made and as heeded."""
    newest: dict[str, int] = {}
    for told in ledger.told:
        if told.number <= newest.get(told.device, 0):
            yield f"{told.device} was told {told.number} after {newest[told.device]}"
        newest[told.device] = told.number
    for device, numbers in ledger.accepted.items():
        if numbers != sorted(numbers):
            yield f"{device} heeded an older assignment: {numbers}"


def doubled(ledger: Ledger) -> Iterator[str]:
    """Assignments that were made twice, and messages that were lost or stored twice."""
    made = Counter((told.device, told.number) for told in ledger.told)
    for (device, number), n_made in made.items():
        if n_made > 1:
            yield f"{device} was given assignment {number} {n_made} times"
    if ledger.sent != ledger.stored:
        yield f"{ledger.sent} messages reached the cloud and {ledger.stored} were stored"


def unended(expected: Expected) -> Iterator[str]:
    """Rollouts that did not end as they must."""
    for rollout, (state, wanted) in expected.rollouts.items():
        if state != wanted:
            yield f"rollout {rollout} is {state}, and must be {wanted}"

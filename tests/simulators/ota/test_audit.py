"""Each auditor finds what was planted for it, and nothing in a world that went well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulators.ota.audit import Expected, audit
from simulators.ota.ledger import Deed, Ledger, Told

FACTORY, NEW, BAD, FOREIGN = "f" * 64, "a" * 64, "b" * 64, "c" * 64
EXPECTED = Expected(
    factory=FACTORY,
    right=NEW,
    reachable=frozenset({"one", "two"}),
    bad=frozenset({BAD}),
    canary=frozenset({"one", "three"}),
    most_canaries=1,
    rollouts={"r-1": ("completed", "completed")},
)
Plant = Callable[[Ledger], None]


def update(ledger: Ledger, device: str, digest: str, time_s: float) -> None:
    for deed in (Deed.TESTED, Deed.SHADOWED, Deed.RAN):
        ledger.score(device, digest, deed, time_s)


def good_world() -> Ledger:
    """Both devices updated; the canary had a bad release before."""
    ledger = Ledger(published={FACTORY: 0.0, BAD: 10.0, NEW: 50.0}, sent=7, stored=7)
    for device in ("one", "two"):
        ledger.score(device, FACTORY, Deed.RAN, 0.0)
    ledger.told += [Told("one", 1, "r-0", 20.0), Told("one", 2, "r-1", 60.0), Told("two", 1, "r-1", 60.0)]
    update(ledger, "one", BAD, 20.0)
    for device in ("one", "two"):
        update(ledger, device, NEW, 70.0)
    ledger.accepted["one"] = [1, 1, 2]
    return ledger


def test_nothing_is_found_where_all_went_well() -> None:
    assert audit(good_world(), EXPECTED) == []


PLANTED: dict[str, tuple[Plant, str]] = {
    "unsigned bytes in a test": (
        lambda ledger: ledger.score("two", FOREIGN, Deed.TESTED, 80.0),
        "two tested cccccccccccc, which nobody had signed",
    ),
    "bytes that were signed only later": (
        lambda ledger: ledger.scored.insert(0, replace(ledger.scored[-1], time_s=40.0, deed=Deed.SHADOWED)),
        "two shadowed aaaaaaaaaaaa, which nobody had signed",
    ),
    "in charge without a test": (
        lambda ledger: ledger.scored.insert(0, replace(ledger.scored[-1], time_s=55.0)),
        "two ran aaaaaaaaaaaa, which it had not shadowed and tested",
    ),
    "a bad release beyond its canary": (
        lambda ledger: ledger.scored.insert(-1, replace(ledger.scored[-1], sha256=BAD, deed=Deed.TESTED)),
        "two is in no canary and had a bad release",
    ),
    "a canary that is too large": (
        lambda ledger: ledger.scored.append(
            replace(ledger.scored[-1], device="three", sha256=BAD, deed=Deed.TESTED)
        ),
        "2 devices had a bad release; a canary has 1",
    ),
    "a device that is stuck": (
        lambda ledger: ledger.score("two", FACTORY, Deed.RAN, 90.0),
        "two was reachable and runs ffffffffffff, not aaaaaaaaaaaa",
    ),
    "a device that never ran": (
        lambda ledger: ledger.running.__delitem__("two"),
        "two was reachable and runs nothing, not aaaaaaaaaaaa",
    ),
    "a number that falls": (
        lambda ledger: ledger.told.append(Told("one", 1, "r-2", 99.0)),
        "one was told 1 after 2",
    ),
    "an older assignment heeded": (
        lambda ledger: ledger.accepted["one"].append(1),
        "one heeded an older assignment: [1, 1, 2, 1]",
    ),
    "an assignment made twice": (
        lambda ledger: ledger.told.append(ledger.told[-1]),
        "two was given assignment 1 2 times",
    ),
    "a message lost": (
        lambda ledger: setattr(ledger, "stored", 6),
        "7 messages reached the cloud and 6 were stored",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    plant, finding = PLANTED[name]
    ledger = good_world()
    plant(ledger)
    assert finding in audit(ledger, EXPECTED)


def test_a_rollout_that_ended_otherwise_is_found() -> None:
    expected = replace(EXPECTED, rollouts={"r-1": ("running", "completed")})
    assert audit(good_world(), expected) == ["rollout r-1 is running, and must be completed"]

"""What is done costs nothing, and nothing that is open is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.agenda import QUIET_ROUNDS, Agenda, is_covered
from cloud.store.rollouts import ListedRollout
from ota.member import Member, MemberState
from ota.rollout import Awaited, Rollout, RolloutState, create
from tests.cloud.release_samples import plan

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NORTH = {"site": ("north",)}


def listed(rollout_id: str = "r-1", state: str = "completed", **changes: Any) -> ListedRollout:
    return replace(ListedRollout(rollout_id, 2, RolloutState(state), "pump", {}), **changes)


def rollout(state: str, *members: Member, **changes: Any) -> Rollout:
    made = create("r-1", plan(), NOON).rollout
    told = {f"d-{number}": member for number, member in enumerate(members)}
    return replace(made, state=RolloutState(state), members=told, **changes)


def rounds_due(agenda: Agenda, each: ListedRollout, rounds: int = 2 * QUIET_ROUNDS) -> int:
    return sum(each in agenda.due([each]) for _ in range(rounds))


@pytest.mark.parametrize(("state", "due"), [("running", 24), ("completed", 2), ("halted", 2), ("paused", 2)])
def test_what_runs_is_due_always_and_what_rests_now_and_then(state: str, due: int) -> None:
    agenda = Agenda()
    agenda.due([])
    agenda.note(rollout(state), 2, is_acting=False)
    agenda.due([listed(state=state)])
    for _ in range(QUIET_ROUNDS - 2):
        agenda.due([listed(state=state)])
    assert rounds_due(agenda, listed(state=state)) == due


@pytest.mark.parametrize("state", ["completed", "halted", "paused", "aborted"])
def test_what_somebody_changed_is_due_at_once(state: str) -> None:
    agenda = Agenda()
    first = listed(state=state)
    assert agenda.due([first]) == [first]
    agenda.note(rollout(state), 2, is_acting=False)
    assert agenda.due([first]) == []
    assert agenda.due([replace(first, version=3)]) != []


def test_what_tells_devices_something_goes_on_doing_so() -> None:
    agenda = Agenda()
    agenda.note(rollout("halted"), 2, is_acting=True)
    assert rounds_due(agenda, listed(state="halted"), 5) == 5


@pytest.mark.parametrize(
    ("member", "is_returning", "is_over"),
    [
        (Member(0, NOON, MemberState.CANCELLED, 1), False, True),
        (Member(0, NOON, MemberState.CANCELLED, 1), True, False),
        (Member(0, NOON, MemberState.CANCELLED, 0), True, True),
        (Member(0, NOON, MemberState.RETURNING, 2), True, False),
        (Member(0, NOON, MemberState.RETURNED, 2), True, True),
        (Member(0, NOON, MemberState.SHADOW, 2), False, False),
    ],
    ids=["called off", "may confirm late", "never told", "on its way", "back", "not told yet"],
)
def test_an_aborted_one_is_over_when_no_device_has_anything_of_it(
    member: Member, is_returning: bool, is_over: bool
) -> None:
    agenda = Agenda()
    agenda.note(rollout("aborted", member, is_returning=is_returning), 2, is_acting=False)
    assert (rounds_due(agenda, listed(state="aborted")) == 0) == is_over


@pytest.mark.parametrize(
    ("later", "covers"),
    [
        (listed("r-2"), True),
        (listed("r-2", "running"), False),
        (listed("r-2", "halted"), False),
        (listed("r-2", family="fan"), False),
        (listed("r-2", where=NORTH), False),
    ],
    ids=["went through", "runs", "halted", "family", "part"],
)
def test_only_one_that_went_through_for_all_its_devices_covers_another(
    later: ListedRollout, covers: bool
) -> None:
    assert is_covered(listed(), [later]) is covers
    assert not is_covered(listed(state="halted"), [later])


def test_the_same_part_covers_the_same_part() -> None:
    assert is_covered(listed(where=NORTH), [listed("r-2", where=NORTH)])


def test_the_longest_wait_of_each_kind_is_known_until_it_ends() -> None:
    agenda = Agenda()
    silent = rollout("running", waits_for=Awaited.SILENCE, waits_since=NOON)
    agenda.note(silent, 2, is_acting=False)
    agenda.due([listed(state="running")])
    waits = agenda.longest_waits(NOON + timedelta(hours=26))
    assert waits[Awaited.SILENCE] == 26 * 3600 and waits[Awaited.HALT] == 0
    agenda.due([])
    assert agenda.longest_waits(NOON + timedelta(hours=27))[Awaited.SILENCE] == 0

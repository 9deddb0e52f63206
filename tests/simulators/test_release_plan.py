from __future__ import annotations

import pytest

from contract.errors import ConfigError
from simulators.demo_options import parse_options
from simulators.demo_plan import plan_machines
from simulators.release_plan import ReleasePlan, plan_release
from simulators.spoil import Spoil
from tests.simulators.test_demo_plan import SAMPLE


def plan(*arguments: str) -> ReleasePlan | None:
    options = parse_options(arguments)
    return plan_release(options, plan_machines(options))


def planned(*arguments: str) -> ReleasePlan:
    found = plan(*arguments)
    assert found is not None
    return found


def test_a_demo_shows_a_release_unless_told_not_to() -> None:
    assert planned().spoil is None
    assert plan("--no-release") is None


def test_the_first_are_healthy_and_at_work() -> None:
    machines = {machine.device_id: machine for machine in plan_machines(parse_options([]))}

    found = planned()

    assert len(found.canaries) == 2
    for device in found.canaries:
        assert machines[device].is_degrading is False
        assert "duty=steady" in machines[device].source and "fault=" not in machines[device].source
    assert set(found.machines) == {device for device in machines if device.startswith("pump-")}
    assert set(found.canaries) | set(found.others) == set(found.machines)


@pytest.mark.parametrize(("machines", "canaries"), [("1", 1), ("4", 1), ("7", 2)])
def test_few_machines_have_one_canary(machines: str, canaries: int) -> None:
    assert len(planned("--machines", machines).canaries) == canaries


def test_a_spoiled_release_has_one() -> None:
    found = planned("--bad-release")

    assert (found.spoil, len(found.canaries)) == (Spoil.ALARM, 1)
    assert planned("--bad-release", "answers").spoil is Spoil.ANSWERS


def test_it_begins_when_machines_are_warm_and_before_any_wears() -> None:
    found = planned("--machines", "10")

    onsets = [
        float(part.partition("=")[2])
        for machine in plan_machines(parse_options(["--machines", "10"]))
        for part in machine.source.split(",")
        if part.startswith("onset=")
    ]
    assert 225.0 < found.begins_s <= min(onsets)


def test_a_run_that_is_too_short_says_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("--seconds", "30") is None
    assert "No release is shown: it takes about 2" in capsys.readouterr().out
    assert plan("--seconds", "300") is not None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--bad-release", "--seconds", "30"], "--bad-release: it takes about"),
        (["--bad-release", "--replay", f"cmapss:{SAMPLE}"], "no improved model"),
        (["--kill", "web@1+1", "--no-release"], "--kill web: this run shows no release"),
        (["--kill", "releases@1+1", "--seconds", "30"], "--kill releases: this run shows no release"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        plan(*arguments)


def test_replayed_recordings_alone_show_none() -> None:
    assert plan("--replay", f"cmapss:{SAMPLE}") is None

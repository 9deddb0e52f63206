"""One look, one run at most; how it ended is kept, told, and waited out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from contract.errors import ConfigError, DataError, IndustrialGuardError
from industrialguard import continuous_command as command
from industrialguard.__main__ import main
from industrialguard.continuous_command import Step, look, steps, take_step
from models.continuous import Cause, PastRun, Policy, Result, Trigger, Wait
from models.continuous_journal import Journal
from models.errors import PipelineError
from models.pipeline_config import Outcome, PipelineConfig
from models.stages.life_schema import draft_schema
from models.stages.schema import write_schema
from tests.contract.life_strategies import SPEC
from tests.industrialguard.plant import PUMP, START, Plant
from tests.models.snapshots import fleet

POLICY = Policy()
MINUTES = timedelta(minutes=20)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def step(plant: Plant) -> Step:
    return take_step(plant.places, POLICY, plant.run, lambda: plant.now)


def runs(plant: Plant) -> tuple[PastRun, ...]:
    return Journal(plant.places.journals, PUMP.machine_type).runs()


def test_the_first_snapshot_makes_the_first_model(plant: Plant) -> None:
    assert str(step(plant)) == "waits: there is no snapshot to train on"
    plant.take_snapshot("first")
    done = step(plant)
    champion = plant.registry.champion(PUMP)
    assert champion is not None
    assert (done.result, done.detail, done.exit_code) == (Result.BLESSED, champion.version, 0)
    assert str(done) == f"first model: no model is in charge: blessed, {champion.version}"
    (run,) = runs(plant)
    assert (run.began, run.ended, run.result) == (START, START + MINUTES, Result.BLESSED)
    assert (run.cause, run.reason) == (Cause.FIRST, "no model is in charge")
    assert run.snapshot == champion.papers.lineage["snapshot"]
    assert "@" in run.who


def test_more_failures_make_the_next_one_after_the_cool_down(plant: Plant) -> None:
    plant.take_snapshot("first")
    step(plant)
    plant.now += timedelta(hours=1)
    plant.take_snapshot("second", 60)
    assert "the cool-down lasts until" in str(step(plant))
    plant.now += timedelta(hours=23)
    assert step(plant).result is Result.BLESSED
    assert plant.reasons[1].startswith("new labels: 20 more failures than 1-")
    plant.now += timedelta(days=90)
    assert "was trained on (blessed)" in str(step(plant))
    assert len(runs(plant)) == 2


@pytest.mark.parametrize(
    ("error", "result", "code"),
    [
        (DataError("column temp\nis missing"), Result.REFUSED, 3),
        (PipelineError("the pipeline broke"), Result.FAILED, 1),
        (ConfigError("no schema"), Result.FAILED, 1),
    ],
)
def test_a_run_that_fails_counts_and_is_recorded(
    plant: Plant, error: IndustrialGuardError, result: Result, code: int
) -> None:
    plant.take_snapshot("first")
    plant.error = error
    done = step(plant)
    assert (done.result, done.exit_code) == (result, code)
    assert done.detail == " ".join(str(error).split())
    assert runs(plant)[0].detail == done.detail
    assert f"the last run was {result}" in str(step(plant))
    plant.now += timedelta(days=2)
    assert isinstance(step(plant).decision, Wait if result is Result.REFUSED else Trigger)


def test_a_model_that_is_not_blessed_replaces_nothing(plant: Plant) -> None:
    plant.take_snapshot("first")
    plant.is_blessed = False
    done = step(plant)
    assert (done.result, done.exit_code) == (Result.NOT_BLESSED, 5)
    assert done.detail.endswith(": rmse is too much")
    assert plant.registry.champion(PUMP) is None
    assert f"the last run was {Result.NOT_BLESSED}" in str(step(plant))


def test_a_defect_leaves_the_run_open_and_the_next_look_calls_it_lost(plant: Plant) -> None:
    plant.take_snapshot("first")

    def break_down(_: Trigger, __: Path) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_step(plant.places, POLICY, break_down, lambda: plant.now)
    assert runs(plant)[0].ended is None
    assert "a run is under way" in str(look(plant.places, POLICY, plant.now))
    assert "the last run was lost" in str(step(plant))
    plant.now += timedelta(hours=24)
    assert step(plant).result is Result.BLESSED
    assert [run.result for run in runs(plant)] == [Result.LOST, Result.BLESSED]


def test_a_second_process_waits(plant: Plant) -> None:
    plant.take_snapshot("first")
    others: list[str] = []

    def run(trigger: Trigger, snapshot: Path) -> Outcome:
        others.append(str(step(plant)))
        return plant.run(trigger, snapshot)

    take_step(plant.places, POLICY, run, lambda: plant.now)
    assert others == ["waits: another process trains pump"]
    assert len(plant.reasons) == 1


def test_a_look_changes_nothing(plant: Plant) -> None:
    plant.take_snapshot("first")
    assert str(look(plant.places, POLICY, plant.now)) == "first model: no model is in charge: would train"
    assert sorted(path.name for path in plant.folder.iterdir()) == ["snapshots"]


def test_it_stays_and_says_what_is_new(plant: Plant) -> None:
    pauses: list[float] = []

    def pause(period_s: float) -> None:
        pauses.append(period_s)
        plant.now += timedelta(hours=13)
        if len(pauses) == 2:
            plant.take_snapshot("first")
        if len(pauses) == 3:
            (plant.places.snapshots / "first" / "manifest.json").write_text("{")
        if len(pauses) == 5:
            (plant.places.snapshots / "first" / "manifest.json").unlink()

    told = list(islice(steps(plant.places, POLICY, plant.run, lambda: plant.now, pause), 4))
    assert [line.partition("  ")[2].split(":")[0] for line in told] == [
        "waits",
        "first model",
        "cannot tell",
        "waits",
    ]
    assert pauses == [POLICY.period_s] * 5
    assert told[0].startswith("2026-03-01T06:00:00+00:00  ")


@pytest.fixture
def typed(plant: Plant) -> list[str]:
    schema = plant.folder / "pump.pbtxt"
    write_schema(schema, draft_schema(fleet(), SPEC, {}))
    places = plant.places
    folders = {"snapshots": places.snapshots, "spans": places.spans, "root": places.root}
    folders |= {"registry": places.registry, "schema": schema}
    return ["train", "continuous", *(f"--{name}={path}" for name, path in folders.items())]


@pytest.fixture
def played(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """The command, but that the plant plays the pipeline."""
    monkeypatch.setattr(command, "pipeline_runner", lambda *_: plant.run)
    return plant


def test_a_dry_run_says_what_it_would_do(
    plant: Plant, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plant.take_snapshot("first")
    assert main([*typed, "--dry-run"]) == 0
    assert capsys.readouterr().out == "first model: no model is in charge: would train\n"
    assert not plant.places.root.exists()


def test_once_runs_and_ends(played: Plant, typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    played.take_snapshot("first")
    played.is_blessed = False
    before = signal.getsignal(signal.SIGTERM)
    assert main([*typed, "--once"]) == 5
    assert "not blessed" in capsys.readouterr().out
    assert main([*typed, "--once"]) == 0
    assert "the cool-down lasts until" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_polite_stop_ends_it_as_an_interrupt_does(
    played: Plant, typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: Trigger, __: Path) -> Outcome:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("was not stopped")

    played.take_snapshot("first")
    monkeypatch.setattr(command, "pipeline_runner", lambda *_: stop)
    assert main(typed) == 130
    assert runs(played)[0].ended is None


def test_the_pipeline_is_told_why(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PipelineConfig] = []

    def run_in_child(config: PipelineConfig, progress: Callable[[str], None]) -> Outcome:
        asked.append(config)
        progress("Trainer")
        return Outcome("1-abc", True, (), Path())

    monkeypatch.setattr(command, "run_in_child", run_in_child)
    plant.take_snapshot("first")
    places = plant.places
    schema = plant.folder / "pump.pbtxt"
    run = command.pipeline_runner(
        PipelineConfig(places.spans, schema, places.root, places.registry, settings={"n_folds": 3})
    )
    run(Trigger(Cause.DRIFT, "it drifted"), plant.places.snapshots / "first")
    (config,) = asked
    assert (config.reason, config.settings) == ("drift: it drifted", {"n_folds": 3})
    assert (plant.places.spans / "span-00001").is_dir()


def test_help_and_mistakes(typed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "continuous", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name} = " in text for name in ("max_age_days", "new_failures", "cool_down_h", "period_s"))
    assert main(["train", "continuous", "--once"]) == 2
    assert main([*typed, "--once", "--dry-run"]) == 2
    assert main([*typed, "--policy", str(tmp_path / "none.toml")]) == ConfigError.exit_code
    assert "none.toml" in capsys.readouterr().err

import shutil
from pathlib import Path

import pytest

from contract.errors import BundleError, ConfigError, DataError
from contract.profiles import load_profile
from simulators.demo_options import parse_options
from simulators.demo_plan import MAX_ENGINES, MAX_REPLAYED, DemoMachine, plan_machines
from tests.conftest import PROJECT_ROOT

SAMPLE = PROJECT_ROOT / "simulators" / "data" / "cmapss"


def plan(*arguments: str) -> tuple[DemoMachine, ...]:
    return plan_machines(parse_options(arguments))


def test_engines_run_beside_simulated_machines() -> None:
    machines = plan("--machines", "50")

    engines = [m for m in machines if m.device_id.startswith("engine")]
    assert len(machines) == 50
    assert len(engines) == MAX_ENGINES
    assert all(m.profile == "turbofan" and m.is_degrading for m in engines)


def test_the_same_seed_gives_the_same_machines_and_another_one_others() -> None:
    assert plan("--machines", "20", "--seed", "7") == plan("--machines", "20", "--seed", "7")
    assert plan("--machines", "20", "--seed", "7") != plan("--machines", "20", "--seed", "8")


@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_at_least_one_machine_degrades_and_ids_differ(count: int) -> None:
    machines = plan("--machines", str(count))

    assert len({m.device_id for m in machines}) == count
    assert any(m.is_degrading for m in machines)


def test_a_replay_becomes_one_machine_per_recording() -> None:
    machines = plan("--replay", f"cmapss:{SAMPLE}")

    assert "train-fd001-008" in {m.device_id for m in machines}
    assert all(m.profile == "turbofan" for m in machines)


def test_one_recording_can_be_named() -> None:
    (machine,) = plan("--replay", f"cmapss:{SAMPLE}#train-fd001-016")

    assert machine.source.endswith("#train-fd001-016")


def test_a_recording_replayed_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="replay each recording once"):
        plan("--replay", f"cmapss:{SAMPLE}", "--replay", f"cmapss:{SAMPLE}")


def test_of_very_many_recordings_some_from_all_over_are_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "time," + ",".join(s.name for s in load_profile("pump-loop").sensors)
    for number in range(120):
        (tmp_path / f"m{number:03d}.csv").write_text(f"{header}\n0,1,1,1,1,1,1,1,1\n")

    ids = [m.device_id for m in plan("--replay", f"csv:{tmp_path}")]

    assert len(set(ids)) == MAX_REPLAYED
    assert (ids[0], ids[-1]) == ("m000", "m119")
    assert "holds 120 machines" in capsys.readouterr().out


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="femto:DIR"):
        plan("--replay", "fmto:/tmp")


def test_a_folder_of_recordings_elsewhere_works_the_same(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "mine")

    assert len(plan("--replay", f"cmapss:{tmp_path / 'mine'}")) == len(plan("--replay", f"cmapss:{SAMPLE}"))


def test_a_bundle_of_ones_own_goes_with_the_replayed_machines_only(tmp_path: Path) -> None:
    bundle = PROJECT_ROOT / "contract" / "bundles_shipped" / "pump-loop.igb"
    header = "time," + ",".join(s.name for s in load_profile("pump-loop").sensors)
    (tmp_path / "mine.csv").write_text(f"{header}\n0,1,1,1,1,1,1,1,1\n")

    machines = plan("--machines", "2", "--replay", f"csv:{tmp_path / 'mine.csv'}", "--bundle", str(bundle))

    assert {m.device_id: m.bundle for m in machines}["mine"] == str(bundle)
    assert all(m.bundle == "" for m in machines if m.device_id.startswith("pump-"))


def test_a_missing_bundle_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle"):
        plan("--replay", f"cmapss:{SAMPLE}", "--bundle", str(tmp_path / "none.igb"))

import subprocess
import sys
from pathlib import Path

import pytest

from contract.bundle import Bundle, load_bundle
from contract.errors import ConfigError, DataError, IndustrialGuardError
from models.__main__ import main
from models.config import FitConfig, TrainConfig
from models.dataset import read_vectors
from models.edge_command import format_result
from models.errors import TooLittleDataError
from models.recordings import write_recording
from models.trainer import prepare, prepare_machines
from tests.models.machines import PROFILE, broken, loop_readings, loop_recording

LOOP = ["edge", "--profile", "pump-loop"]


def write_loops(folder: Path, count: int = 4, seconds: int = 900) -> str:
    for number in range(count):
        write_recording(
            folder / f"loop-{number}.npz", f"loop-{number}", "pump-loop", loop_readings(seconds, number)
        )
    return f"npz:{folder}"


def test_a_mistake_is_said_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom models.__main__ import main\nfrom contract.errors import DataError\n"
        f"try:\n    main({[*LOOP, '--data', 'npz:nowhere', '--out', str(tmp_path / 'a.igb')]!r})\n"
        "except DataError as error:\n    print(error)\n"
        "assert main(['edge', '--help']) == 0\n"
        "assert not {'tensorflow', 'tf_keras'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "nowhere does not exist" in done.stdout
    assert "examples:" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["edge"], LOOP, ["rul"], [*LOOP, "--epochs", "many"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: industrialguard train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "error", "why"),
    [
        (["--profile", "nonsense"], ConfigError, "no profile 'nonsense'"),
        (["--profile", "pump"], DataError, "is of profile pump-loop, not pump"),
        (["--exclude", "lop-1"], ConfigError, "--exclude lop-1: no such machine"),
        (["--exclude", "*"], ConfigError, "all 4 machines"),
        (
            ["--exclude", "loop-[123]", "--healthy-fraction", "0.5"],
            TooLittleDataError,
            r"too few machines \(1\), and recorded too short",
        ),
        (["--healthy-fraction", "0"], ConfigError, "--healthy-fraction"),
        (["--healthy-fraction", "0.2"], TooLittleDataError, "usable windows"),
        (["--epochs", "0"], ConfigError, "--epochs"),
        (["--data", "tape:x"], DataError, "give one of"),
        (["--out", "nowhere/a.igb"], ConfigError, "no folder nowhere"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    tmp_path: Path, extra: list[str], error: type[IndustrialGuardError], why: str
) -> None:
    data = write_loops(tmp_path)
    with pytest.raises(error, match=why) as caught:
        main([*LOOP, "--data", data, "--out", str(tmp_path / "a.igb"), *extra])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "a.igb").exists()


def test_too_few_contexts_are_refused() -> None:
    interrupted = [broken(loop_recording(f"m-{seed}", 600, seed), every=8 * 36) for seed in range(3)]
    machines = [read_vectors(recording, PROFILE) for recording in interrupted]
    with pytest.raises(TooLittleDataError, match=r"only \d+ contexts to learn from, at least 200"):
        prepare_machines(machines, PROFILE, seed=1)


def test_held_out_machines_are_none_of_those_learned_from(tmp_path: Path) -> None:
    config = TrainConfig(
        "pump-loop", write_loops(tmp_path), tmp_path / "a.igb", ("loop-3",), fit=FitConfig(seed=2)
    )
    data = prepare(config)
    learning, held_out = ({m.machine_id for m in part} for part in (data.learning, data.held_out))
    assert learning | held_out == {"loop-0", "loop-1", "loop-2"}
    assert len(held_out) == 1


def test_the_result_names_the_version_and_every_metric() -> None:
    bundle: Bundle = load_bundle("pump")
    text = format_result(bundle)
    assert bundle.manifest.version in text
    assert all(name.replace("_", " ") in text for name in bundle.manifest.metrics)

"""`industrialguard train check`: prints everything, then says whether the model is fit for devices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle, write_bundle
from contract.errors import BundleError, ConfigError
from models.__main__ import main
from models.errors import ModelFileError, NotReleasableError
from models.parity import runtimes

MODELS = Path(__file__).resolve().parents[1] / "golden" / "models"
PUMP = load_bundle("pump")


@pytest.mark.usefixtures("no_compiler")
def test_a_shipped_bundle_is_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "pump"]) == 0
    text = capsys.readouterr().out
    n_operations = text.count("  mapped\n")
    assert (
        f"on the Edge TPU: {n_operations} of {n_operations} operations, 100% of the multiplications" in text
    )
    assert f"cut: 0-{n_operations - 1} on the Edge TPU\n" in text
    assert "runtimes on golden windows:\n" in text
    rows = text.partition("runtimes on golden windows:\n")[2].splitlines()[: len(runtimes())]
    for row, runtime in zip(rows, runtimes(), strict=True):
        assert runtime.name in row and runtime.version in row
        assert ("reference kernels" in row) is (runtime.kernels == "reference")
        assert "exact" in row or "off by at most 1 int8 steps" in row
    assert "exact" in rows[0], "the runtime that computed the golden windows"
    assert "edgetpu_compiler is not on the PATH" in text
    assert text.endswith("fit for devices\n")


@pytest.mark.usefixtures("no_compiler")
def test_a_model_that_is_cut_is_shown_with_its_cut_and_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "check.json"
    with pytest.raises(NotReleasableError, match="RESIZE_NEAREST_NEIGHBOR: version 3"):
        main(["check", str(MODELS / "resize_nearest.tflite"), "--json", str(out)])
    text = capsys.readouterr().out
    assert "CPU: version 3 is not known, at most 2" in text
    assert "on the Edge TPU: 1 of 3 operations, 67% of the multiplications" in text
    assert "cut: 0 on the Edge TPU, then 1-2 on the CPU" in text
    assert "runtimes on noise" in text and "fit for devices" not in text
    assert json.loads(out.read_text())["problems"], "the JSON is written all the same"


@pytest.mark.usefixtures("no_compiler")
def test_the_json_says_what_the_table_says(tmp_path: Path) -> None:
    out = tmp_path / "check.json"
    assert main(["check", "pump", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert (found["model"], found["model_bytes"], found["max_model_bytes"]) == (
        "pump",
        len(PUMP.model),
        32_000,
    )
    assert found["is_fully_mapped"] is True
    assert found["mapped_macs_share"] == 1.0 and found["mapped_operations"] == len(found["operations"])
    assert len(found["runtimes"]) == len(runtimes())
    for row, runtime in zip(found["runtimes"], runtimes(), strict=True):
        assert row["runtime"].startswith(runtime.name)
        assert row["max_steps"] <= 1
    assert (found["compiler"], found["problems"]) == (None, [])


@pytest.mark.usefixtures("fake_compiler")
def test_the_compilers_own_summary_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "pump", "--json", str(tmp_path / "c.json")]) == 0
    assert "edgetpu_compiler 16.0.384591198: 9 of 9 operations mapped" in capsys.readouterr().out
    compiler = json.loads((tmp_path / "c.json").read_text())["compiler"]
    assert compiler["compiled_bytes"] == len(PUMP.model)
    assert [row["count"] for row in compiler["operations"]] == [7, 2]


@pytest.mark.usefixtures("fake_compiler")
def test_a_compiler_that_fails_is_told_and_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_MODE", "fails")
    with pytest.raises(NotReleasableError, match="ended with 1"):
        main(["check", "pump"])
    text = capsys.readouterr().out
    assert "not found out: edgetpu_compiler ended with 1" in text and "edgetpu_compiler: no result" in text


@pytest.mark.usefixtures("no_compiler")
def test_differences_are_told_in_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    off = PUMP.golden_output.copy()
    off.flat[np.flatnonzero(off < 0)[0]] += 1
    write_bundle(tmp_path / "off.igb", replace(PUMP, golden_output=off))
    assert main(["check", str(tmp_path / "off.igb")]) == 0
    assert "off by at most 1 int8 steps, in 0.0% of the numbers" in capsys.readouterr().out


@pytest.mark.usefixtures("no_compiler")
def test_the_compiled_model_of_a_bundle_is_weighed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "both.igb", replace(PUMP, edge_tpu_model=PUMP.model + bytes(7)))
    assert main(["check", str(tmp_path / "both.igb"), "--json", str(tmp_path / "c.json")]) == 0
    assert f"compiled for the Edge TPU {len(PUMP.model) + 7} bytes\n" in capsys.readouterr().out
    found = json.loads((tmp_path / "c.json").read_text())
    assert (found["edge_tpu_model_bytes"], found["model_bytes"]) == (len(PUMP.model) + 7, len(PUMP.model))


@pytest.mark.usefixtures("no_compiler")
def test_a_float_model_gets_its_table_although_nothing_can_be_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(NotReleasableError, match="quantise it fully"):
        main(["check", str(MODELS / "tiny_float.tflite")])
    text = capsys.readouterr().out
    assert "CPU: input 0: must be INT8, is computed FLOAT32" in text
    assert "not found out: the model is not int8 in and out" in text


@pytest.mark.parametrize(
    ("content", "error", "why"),
    [
        (None, BundleError, "cannot be read"),
        (b"", ModelFileError, "no TFLite model"),
        (b"\x1c\0\0\0TFL3" + bytes(50), ModelFileError, "damaged"),
    ],
)
def test_what_is_no_model_is_one_line(
    tmp_path: Path, content: bytes | None, error: type[BundleError], why: str
) -> None:
    path = tmp_path / "x.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=why) as caught:
        main(["check", str(path)])
    assert "\n" not in str(caught.value)


def test_where_the_json_cannot_go_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        main(["check", "pump", "--json", str(tmp_path / "nowhere" / "c.json")])
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigError, match="cannot be written"):
        main(["check", "pump", "--json", str(tmp_path)])


def test_the_manual_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text and "industrialguard train check pump" in text
    assert main(["check"]) == 2

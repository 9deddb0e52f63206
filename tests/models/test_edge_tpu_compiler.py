"""Coral's compiler is run as its manual says, in a folder of its own, and is never waited for forever.

The program is a stand-in with the same command line, files and words, because the real one cannot be had
everywhere that these tests run.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from models.edge_tpu_compiler import CompiledOperations, compile_model, find_compiler
from models.errors import EdgeTpuCompilerError

MODEL = (Path(__file__).resolve().parents[1] / "golden" / "models" / "tiny.tflite").read_bytes()


@pytest.fixture
def compiler(fake_compiler: Path) -> str:
    found = find_compiler()
    assert found == str(fake_compiler)
    return found


def test_without_the_program_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler() is None


def test_its_model_its_version_and_its_table_are_read(compiler: str) -> None:
    compiled = compile_model(MODEL, compiler)
    assert compiled.model == MODEL
    assert compiled.version == "16.0.384591198"
    assert compiled.operations == (
        CompiledOperations("CONV_2D", 7, "Mapped to Edge TPU"),
        CompiledOperations("RESHAPE", 2, "Mapped to Edge TPU"),
    )
    assert compiled.is_fully_mapped
    assert compiled.summary == (
        f"edgetpu_compiler 16.0.384591198: 9 of 9 operations mapped, {len(MODEL)} bytes"
    )


def test_an_operation_left_to_the_cpu_is_seen(compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "half")
    compiled = compile_model(MODEL, compiler)
    assert not compiled.is_fully_mapped
    assert "7 of 9 operations mapped" in compiled.summary


@pytest.mark.parametrize(
    ("mode", "why"), [("fails", "ended with 1: Model could not be parsed"), ("silent", "left no model")]
)
def test_a_failure_is_one_line(compiler: str, monkeypatch: pytest.MonkeyPatch, mode: str, why: str) -> None:
    monkeypatch.setenv("FAKE_MODE", mode)
    with pytest.raises(EdgeTpuCompilerError, match=why) as caught:
        compile_model(MODEL, compiler)
    assert "\n" not in str(caught.value)


def test_it_is_not_waited_for_forever(compiler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_MODE", "hangs")
    with pytest.raises(EdgeTpuCompilerError, match=r"longer than 0\.2 s"):
        compile_model(MODEL, compiler, timeout_s=0.2)


def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "edgetpu_compiler"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    with pytest.raises(EdgeTpuCompilerError, match="cannot be started"):
        compile_model(MODEL, str(broken))


@pytest.mark.parametrize("mode", ["", "fails"])
def test_nothing_is_left_behind(
    compiler: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("FAKE_MODE", mode)
    try:
        compile_model(MODEL, compiler)
    except EdgeTpuCompilerError:
        assert mode == "fails"
    assert list(folder.iterdir()) == []

"""Runs Coral's own compiler where it is installed.

Rule: the only place that starts `edgetpu_compiler`; it works in a folder of its own that is gone afterwards,
within a time limit, and what it prints is read only as far as it is understood.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import EdgeTpuCompilerError

PROGRAM = "edgetpu_compiler"
TIMEOUT_S = 180.0
"""The compiler gives itself 180 s, too (its option `-t`)."""
_VERSION = re.compile(r"Edge TPU Compiler version (\S+)")
_ROW = re.compile(r"^([A-Z][A-Z0-9_]+|[\w.-]*custom[\w.-]*)\s+(\d+)\s+(\S.*)$", re.MULTILINE)
_MAPPED = "Mapped to Edge TPU"


@dataclass(frozen=True, slots=True)
class CompiledOperations:
    """One row of the compiler's own table."""

    name: str
    count: int
    status: str
    """In the compiler's words; `Mapped to Edge TPU` is the good one."""


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What the compiler made of a model."""

    model: bytes = field(repr=False)
    """The `.tflite` file for the Edge TPU."""
    version: str
    """Of the compiler; empty when it does not say."""
    operations: tuple[CompiledOperations, ...]

    @property
    def is_fully_mapped(self) -> bool:
        """Whether the compiler named operations, and left none of them to the CPU."""
        return bool(self.operations) and all(row.status == _MAPPED for row in self.operations)

    @property
    def summary(self) -> str:
        """One line for people."""
        total = sum(row.count for row in self.operations)
        mapped = sum(row.count for row in self.operations if row.status == _MAPPED)
        name = f"{PROGRAM} {self.version}".strip()
        return f"{name}: {mapped} of {total} operations mapped, {len(self.model)} bytes"


def find_compiler() -> str | None:
    """Path of the compiler; None: it is not installed."""
    return shutil.which(PROGRAM)


def compile_model(model: bytes, compiler: str, timeout_s: float = TIMEOUT_S) -> CompiledModel:
    """Compile the content of a `.tflite` file.

    Args:
        model: int8 in and out.
        compiler: From `find_compiler`.
        timeout_s: Longest time to wait.

    Raises:
        EdgeTpuCompilerError: it fails, takes too long, or leaves no model.
    """
    with tempfile.TemporaryDirectory(prefix="edgetpu-") as name:
        folder = Path(name)
        source = folder / "model.tflite"
        source.write_bytes(model)
        text = _run([compiler, "-s", "-o", str(folder), str(source)], timeout_s)
        compiled, log = folder / "model_edgetpu.tflite", folder / "model_edgetpu.log"
        if not compiled.is_file():
            raise EdgeTpuCompilerError(f"{PROGRAM} left no model: {_last_line(text)}")
        content = compiled.read_bytes()
        rows = _rows(log.read_text("utf-8", "replace")) if log.is_file() else ()
    version = _VERSION.search(text)
    return CompiledModel(content, version[1] if version else "", rows or _rows(text))


def _run(command: list[str], timeout_s: float) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EdgeTpuCompilerError(f"{PROGRAM} took longer than {timeout_s:g} s and was stopped") from error
    except OSError as error:
        raise EdgeTpuCompilerError(f"{PROGRAM} cannot be started: {error}") from error
    text = f"{done.stdout}\n{done.stderr}"
    if done.returncode != 0:
        raise EdgeTpuCompilerError(f"{PROGRAM} ended with {done.returncode}: {_last_line(text)}")
    return text


def _rows(text: str) -> tuple[CompiledOperations, ...]:
    found = _ROW.findall(text)
    return tuple(CompiledOperations(name, int(count), status.strip()) for name, count, status in found)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip()[:200] if lines else "it said nothing"

"""Subcommands made of real files, for the command to load."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from industrialguard.commands import Command

MakeCommand = Callable[..., Command]
_numbers = itertools.count()


@pytest.fixture
def make_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCommand]:
    """Write a module with the given body of `main(argv)` and return the table row that points at it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(body: str, header: str = "", probes: tuple[str, ...] = ()) -> Command:
        module = f"sample_command_{next(_numbers)}"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        (tmp_path / f"{module}.py").write_text(f"{header}\ndef main(argv):\n{lines}\n")
        made.append(module)
        return Command("sample", module, "demo", "a sample", probes)

    yield make
    for module in made:
        sys.modules.pop(module, None)

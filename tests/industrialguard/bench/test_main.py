"""The kinds of benchmark are known by name and loaded only when asked for."""

import importlib.util
import subprocess
import sys

import pytest

from industrialguard.bench.__main__ import KINDS, main


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_module_and_its_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert importlib.util.find_spec(KINDS[kind].module) is not None
    assert main([kind, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"industrialguard bench {kind}" in printed
    assert "examples:" in printed


def test_the_help_lists_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name, kind in KINDS.items():
        assert f"  {name} " in printed
        assert kind.summary in printed


@pytest.mark.parametrize("line", [[], ["no-such-kind"]])
def test_wrong_lines_are_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    assert "industrialguard bench" in capsys.readouterr().err


def test_benchmarks_load_no_training_library_to_say_their_help() -> None:
    script = (
        "import sys\n"
        "from industrialguard.bench.__main__ import main\n"
        "assert main(['anomaly', '--help']) == 0 and main(['edge', '--help']) == 0\n"
        "print('heavy:', *sorted({'tensorflow', 'tf_keras', 'sklearn', 'fastapi'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("heavy:")

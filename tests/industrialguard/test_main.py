"""What `industrialguard` prints, and what it exits with."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.errors import ConfigError
from industrialguard import __main__ as entry
from industrialguard.commands import COMMANDS, Command, MissingExtraError
from tests.conftest import PROJECT_ROOT
from tests.industrialguard.conftest import MakeCommand


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "industrialguard", *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, make_command: MakeCommand) -> MakeCommand:
    """Make a subcommand `sample` and let `main` find it."""

    def make(body: str, header: str = "", probes: tuple[str, ...] = ()) -> Command:
        command = make_command(body, header, probes)
        monkeypatch.setattr(entry, "find_command", lambda name: command)
        return command

    return make


def test_help_lists_every_command_with_its_summary_and_examples() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"  {command.name} " in done.stdout
        assert command.summary in done.stdout
    assert "examples:" in done.stdout
    assert done.stderr == ""


def test_short_help_is_the_same_help() -> None:
    assert run("-h").stdout == run("--help").stdout


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_is_one_line(flag: str) -> None:
    done = run(flag)
    assert done.returncode == 0
    assert done.stdout == f"industrialguard {entry.version()}\n"


def test_no_arguments_print_the_help_to_stderr_and_fail() -> None:
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "commands:" in done.stderr


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("dmeo", "there is no command 'dmeo'; did you mean 'demo'?"),
        ("agnet", "there is no command 'agnet'; did you mean 'agent'?"),
        ("zzz", "there is no command 'zzz'; choose one of demo, agent,"),
        ("--speed", "there is no option '--speed'; choose one of"),
        ("", "there is no command ''; choose one of"),
    ],
)
def test_an_unknown_word_is_answered_in_one_line(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main([typed]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"industrialguard: {answer}")
    assert printed.count("\n") == 1


def test_the_rest_of_the_line_and_the_exit_code_pass_through(
    only: MakeCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    only("print(argv)\nreturn 9")
    assert entry.main(["sample", "--help", "x"]) == 9
    assert capsys.readouterr().out == "['--help', 'x']\n"


def test_a_foreseen_error_is_one_line_and_its_own_exit_code(
    only: MakeCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    only("raise DataError('no such file\\n  give another')", header="from contract.errors import DataError")
    assert entry.main(["sample"]) == 3
    printed = capsys.readouterr()
    assert printed.err == "industrialguard: no such file give another\n"
    assert printed.out == ""


def test_an_error_without_words_is_still_named(only: MakeCommand, capsys: pytest.CaptureFixture[str]) -> None:
    only("raise DataError()", header="from contract.errors import DataError")
    assert entry.main(["sample"]) == 3
    assert capsys.readouterr().err == "industrialguard: DataError\n"


@pytest.mark.parametrize("place", ["at import", "while running"])
def test_a_missing_library_names_the_extra(
    place: str, only: MakeCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "import no_such_library.part"
    if place == "at import":
        only("return 0", header=line)
    else:
        only(f"{line}\nreturn 0")
    assert entry.main(["sample"]) == 2
    printed = capsys.readouterr().err
    assert "no_such_library" in printed
    assert "pip install 'industrialguard[demo]'" in printed
    assert printed.count("\n") == 1


def test_a_missing_module_of_our_own_is_a_defect_with_a_traceback(only: MakeCommand) -> None:
    only("import contract.no_such_module\nreturn 0")
    with pytest.raises(ModuleNotFoundError, match=r"contract\.no_such_module"):
        entry.main(["sample"])


def test_a_defect_keeps_its_traceback(only: MakeCommand) -> None:
    only("return 1 // 0")
    with pytest.raises(ZeroDivisionError):
        entry.main(["sample"])


def test_an_interrupt_is_quiet(only: MakeCommand, capsys: pytest.CaptureFixture[str]) -> None:
    only("raise KeyboardInterrupt")
    assert entry.main(["sample"]) == 130
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_reader_that_goes_away_is_quiet(unbuffered: str, tmp_path: Path) -> None:
    (tmp_path / "talker.py").write_text("def main(argv):\n    print('words')\n    return 0\n")
    script = (
        "import sys\n"
        "sys.stdin.readline()\n"  # by then the reading end of our output is closed
        "from industrialguard import __main__ as entry\n"
        "from industrialguard.commands import Command\n"
        "entry.find_command = lambda name: Command('talk', 'talker', 'demo', 'a talker')\n"
        "sys.exit(entry.main(['talk']))\n"
    )
    places = os.pathsep.join((str(tmp_path), str(PROJECT_ROOT)))
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": places}
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(b"go\n")
        child.stdin.close()
        complaint = child.stderr.read()
    assert (child.returncode, complaint) == (141, b"")


def test_a_broken_socket_is_not_mistaken_for_a_reader_that_went_away(only: MakeCommand) -> None:
    only("raise BrokenPipeError('the broker hung up')")
    with pytest.raises(BrokenPipeError, match="the broker hung up"):
        entry.main(["sample"])


def test_find_command_searches_the_given_table() -> None:
    assert entry.find_command("agent").module == "edge_agent.__main__"
    with pytest.raises(ConfigError, match="did you mean 'cloud'"):
        entry.find_command("clout", COMMANDS)


def test_run_command_raises_what_main_prints(make_command: MakeCommand) -> None:
    with pytest.raises(MissingExtraError):
        entry.run_command(make_command("import no_such_library\nreturn 0"), [])


@pytest.mark.parametrize("arguments", [["cluod"], ["--nope"]])
def test_the_installed_script_reports_the_same(arguments: Sequence[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("industrialguard: there is no ")
    assert "Traceback" not in done.stderr

"""The table of subcommands is true, and loading one says clearly what is missing."""

import importlib.util
import subprocess
import sys
import tomllib

import pytest

from industrialguard.commands import (
    COMMANDS,
    OWN_PACKAGES,
    PARTS,
    Command,
    MissingExtraError,
    UnavailableCommandError,
    is_third_party,
    load_command,
    missing_extra,
)
from tests.conftest import PROJECT_ROOT
from tests.industrialguard.conftest import MakeCommand

PYPROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())


def test_the_words_are_there_and_unique() -> None:
    names = [command.name for command in COMMANDS]
    assert names == ["demo", "agent", "provision", "cloud", "simulate", "train", "bench", "ota"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_extra_is_declared_in_pyproject(command: Command) -> None:
    assert command.extra in PYPROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_module_lives_in_a_package_of_the_wheel(command: Command) -> None:
    assert (
        command.module.partition(".")[0]
        in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_belongs_to_a_word_and_its_module_is_there(part: Command) -> None:
    assert part.name.split()[0] in {command.name for command in COMMANDS}
    assert part.extra in PYPROJECT["project"]["optional-dependencies"]
    assert [probe for probe in part.probes if importlib.util.find_spec(probe) is None] == []
    assert callable(load_command(part))


def test_own_packages_are_the_packages_of_the_wheel() -> None:
    assert set(PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == OWN_PACKAGES


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_probes_are_real_import_names(command: Command) -> None:
    # This environment has every extra, so a probe that is not found here is misspelt.
    assert [probe for probe in command.probes if importlib.util.find_spec(probe) is None] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_loads_or_says_that_this_version_lacks_it(command: Command) -> None:
    if importlib.util.find_spec(command.module) is None:
        with pytest.raises(UnavailableCommandError, match=f"does not have the command '{command.name}'"):
            load_command(command)
        return
    # A child process, because training libraries would stay loaded for every later test in this one.
    script = (
        "from industrialguard.commands import COMMANDS, load_command\n"
        f"command = next(c for c in COMMANDS if c.name == {command.name!r})\n"
        "assert callable(load_command(command))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_load_returns_the_modules_main(make_command: MakeCommand) -> None:
    assert load_command(make_command("return 7"))([]) == 7


def test_a_module_that_is_not_there_is_named_as_such() -> None:
    command = Command("future", "ota.not_written_yet", "cloud", "something for later")
    with pytest.raises(UnavailableCommandError, match="future") as caught:
        load_command(command)
    assert caught.value.exit_code == 2


def test_probes_are_looked_for_before_the_module_runs(make_command: MakeCommand) -> None:
    command = make_command(
        "return 0", header="raise RuntimeError('was imported')", probes=("no_such_package",)
    )
    with pytest.raises(MissingExtraError, match=r"no_such_package.*pip install 'industrialguard\[demo\]'"):
        load_command(command)


def test_a_missing_extra_names_all_that_is_missing() -> None:
    message = str(missing_extra(COMMANDS[0], ["rich", "amqtt"]))
    assert "extra 'demo'" in message
    assert "rich, amqtt" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("tensorflow.lite.python", True),
        ("rich", True),
        ("edge_agent.agent", False),
        ("contract", False),
        ("json.decoder", False),
        ("", False),
        (None, False),
    ],
)
def test_third_party_is_neither_ours_nor_the_standard_library(module: str | None, expected: bool) -> None:
    assert is_third_party(module) is expected


def test_the_command_itself_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"  # an installed namespace package may stand there from the start
        "import industrialguard.__main__\n"
        "from industrialguard.commands import is_third_party\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - before if is_third_party(name)}\n"
        "print(*sorted(roots & {'numpy', 'google', 'fastapi', 'tensorflow', 'rich', 'paho', 'sqlmodel'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

import math
from pathlib import Path

import pytest

from contract.errors import ConfigError
from simulators.demo_options import DEFAULT_MACHINES, Kill, parse_kill, parse_options
from simulators.spoil import Spoil


def test_defaults_need_no_argument() -> None:
    options = parse_options([])

    assert (options.machines, options.speed, options.seconds, options.seed) == (
        DEFAULT_MACHINES,
        20.0,
        None,
        1,
    )
    assert options.machine_seconds is None
    assert options.broker == "auto"


def test_replay_alone_simulates_nothing_beside_it() -> None:
    assert parse_options(["--replay", "femto:x"]).machines == 0
    assert parse_options(["--replay", "femto:x", "--machines", "3"]).machines == 3


def test_seconds_are_wall_seconds() -> None:
    assert parse_options(["--seconds", "30", "--speed", "20"]).machine_seconds == 600.0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--machines", "0"],
        ["--machines", "-1"],
        ["--machines", "100000"],
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--speed", "inf"],
        ["--seconds", "0"],
        ["--seconds", "nan"],
        ["--seconds", "-3"],
        ["--seed", "-1"],
        ["--port", "70000"],
        ["--json", "/nowhere/at/all/x.json"],
        ["--kill", "ingest"],
        ["--kill", "ingest@x+2"],
        ["--kill", "fleet@1+2"],
        ["--kill", "ingest@-1+2"],
        ["--kill", "ingest@1+inf"],
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_option(arguments: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(arguments)

    assert arguments[0] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kill_is_part_start_and_duration() -> None:
    assert parse_kill("broker@8+20") == Kill("broker", 8.0, 20.0)
    assert math.isfinite(parse_kill("serve@0+0").hold_s)


def test_paths_are_paths(tmp_path: Path) -> None:
    options = parse_options(["--json", str(tmp_path / "out.json"), "--data", str(tmp_path / "new")])

    assert options.json_path == tmp_path / "out.json"
    assert options.data_dir == tmp_path / "new"


def test_a_release_is_shown_unless_told_not_to_and_may_be_spoiled() -> None:
    assert (parse_options([]).has_release, parse_options([]).spoil) == (True, None)
    assert not parse_options(["--no-release"]).has_release
    assert parse_options(["--bad-release"]).spoil is Spoil.ALARM
    assert parse_options(["--bad-release", "answers"]).spoil is Spoil.ANSWERS
    with pytest.raises(ConfigError, match="choose one"):
        parse_options(["--no-release", "--bad-release"])

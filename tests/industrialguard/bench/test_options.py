"""What the benchmarks' command lines have in common."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from industrialguard.bench.options import add_json, parse, whole_number


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench", description="A description.")
    made.add_argument("--runs", type=whole_number(1, 9), default=3)
    add_json(made)
    return made


@given(st.integers(-20, 20))
def test_a_whole_number_within_limits(number: int) -> None:
    read = whole_number(1, 9)
    if 1 <= number <= 9:
        assert read(str(number)) == number
    else:
        with pytest.raises(argparse.ArgumentTypeError, match=f"between 1 and 9, not {number}"):
            read(str(number))


def test_a_good_line(parser: argparse.ArgumentParser) -> None:
    options = parse(parser, ["--runs", "4", "--json", "x.json"])
    assert not isinstance(options, int)
    assert (options.runs, options.json) == (4, Path("x.json"))


def test_without_json_nothing_is_written(parser: argparse.ArgumentParser) -> None:
    options = parse(parser, [])
    assert not isinstance(options, int)
    assert (options.runs, options.json) == (3, None)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["--help"], 0, "A description."),
        (["--runs", "0"], 2, "must lie between 1 and 9, not 0"),
        (["--runs", "many"], 2, "invalid whole number value: 'many'"),
        (["--unknown"], 2, "unrecognized arguments: --unknown"),
    ],
)
def test_what_argparse_answers_itself_is_an_exit_code(
    parser: argparse.ArgumentParser,
    line: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse(parser, line) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err

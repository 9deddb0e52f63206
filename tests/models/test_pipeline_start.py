"""How a run is started and told, whatever it trains."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from models.pipeline_config import Outcome
from models.pipeline_start import add_beam_option, add_start_options, format_outcome, require_tfx


def test_an_outcome_is_told_in_lines() -> None:
    card = Path("card.html")
    assert format_outcome(Outcome("2-ab", True, (), card)) == "2-ab is in charge\n  model card: card.html"
    assert format_outcome(Outcome("2-ab", False, ("rmse: 9",), card)).splitlines()[:2] == [
        "2-ab was not blessed",
        "  rmse: 9",
    ]


def test_the_options_have_a_reason_and_nothing_of_beam() -> None:
    parser = argparse.ArgumentParser()
    add_start_options(parser)
    add_beam_option(parser.add_argument_group("more"))
    arguments = parser.parse_args(["--beam=--runner=FlinkRunner", "--compile", "x.json"])
    assert (arguments.reason, arguments.compile) == ("a person asked for it", Path("x.json"))
    assert arguments.beam == ["--runner=FlinkRunner"]
    assert parser.parse_args([]).beam == []


def test_without_tfx_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def find_no_tfx(name: str, package: str | None = None) -> Any:
        return None if name == "tfx" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_no_tfx)
    with pytest.raises(ConfigError, match=r"needs the extra 'pipeline'; .* pip install"):
        require_tfx()

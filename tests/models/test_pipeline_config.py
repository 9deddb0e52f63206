"""A run is described by one file, and what makes no sense cannot be described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.registry import ModelKind
from models.pipeline_config import EdgeThresholds, PipelineConfig, Thresholds

CONFIG = PipelineConfig(
    spans=Path("spans"),
    schema=Path("press.pbtxt"),
    root=Path("root"),
    registry=Path("registry"),
    span=7,
    reason="drift",
    thresholds=Thresholds(rmse_share=0.2),
    settings={"epochs": 3},
    beam_args=("--runner=FlinkRunner",),
)


EDGE = replace(CONFIG, kind=ModelKind.EDGE, thresholds=EdgeThresholds(auc=0.9))


@pytest.mark.parametrize("config", [CONFIG, EDGE])
def test_it_comes_back_from_its_file(config: PipelineConfig) -> None:
    assert PipelineConfig.from_json(config.to_json()) == config


def test_thresholds_are_of_the_kinds_own_sort() -> None:
    with pytest.raises(ConfigError, match="thresholds of another kind of model than edge"):
        replace(CONFIG, kind=ModelKind.EDGE)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"spans": 1}', CONFIG.to_json().replace("rmse_share", "rmse")]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        PipelineConfig.from_json(text)


@pytest.mark.parametrize(
    "wrong", [{"rmse_share": 0}, {"coverage": 1}, {"rmse_slack": -0.1}, {"slice_slack": -1}]
)
def test_thresholds_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="make no sense"):
        Thresholds(**wrong)


@pytest.mark.parametrize("wrong", [{"auc": 1}, {"auc": 0}, {"false_episodes_per_h": -1}, {"auc_slack": -0.1}])
def test_edge_thresholds_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="make no sense"):
        EdgeThresholds(**wrong)


@pytest.mark.parametrize("reason", ["", "x" * 201])
def test_a_reason_is_given_and_short(reason: str) -> None:
    with pytest.raises(ConfigError, match="1 to 200"):
        PipelineConfig(Path("a"), Path("b"), Path("c"), Path("d"), reason=reason)

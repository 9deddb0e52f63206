"""A run is described by one file, and what makes no sense cannot be described."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from models.pipeline_config import PipelineConfig, Thresholds

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


def test_it_comes_back_from_its_file() -> None:
    assert PipelineConfig.from_json(CONFIG.to_json()) == CONFIG


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


@pytest.mark.parametrize("reason", ["", "x" * 201])
def test_a_reason_is_given_and_short(reason: str) -> None:
    with pytest.raises(ConfigError, match="1 to 200"):
        PipelineConfig(Path("a"), Path("b"), Path("c"), Path("d"), reason=reason)

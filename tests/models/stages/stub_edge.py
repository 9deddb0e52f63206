"""An edge model that nobody trained: the real one's interface, for tests of the pipeline around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.bundle import Bundle
from models.anomaly import AutoencoderConfig, build_model
from models.config import FitConfig
from models.fit import stack, start
from models.quantize import quantize
from models.trainer import TrainingData, assemble


def build_bundle(data: TrainingData, config: FitConfig, lineage: Mapping[str, Any]) -> Bundle:
    start(config)
    contexts, _ = stack(data.held_out)
    network = build_model(AutoencoderConfig.student(*contexts.shape[1:]))
    return assemble(data, quantize(network, contexts, config.seed), config.seed, {}, lineage)

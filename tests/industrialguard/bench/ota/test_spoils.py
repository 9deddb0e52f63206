"""What is spoiled is still a whole bundle, and another one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from contract.bundle import Bundle, format_bundle, load_bundle, parse_bundle
from edge_agent.tflite import ModelRunner
from industrialguard.bench.ota.spoils import SPOILS, noisy, with_weights

BUNDLE = load_bundle("pump")


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_spoiled_bundle_passes_for_one(spoil: Callable[[Bundle], Bundle]) -> None:
    spoiled = parse_bundle(format_bundle(spoil(BUNDLE)))
    runner = ModelRunner(spoiled.model, accelerator="cpu")
    runner.self_test(spoiled.golden_input, spoiled.golden_output)
    assert spoiled.manifest.version != BUNDLE.manifest.version
    assert format_bundle(spoiled) != format_bundle(BUNDLE)


def test_the_same_weights_are_the_same_network() -> None:
    same = with_weights(BUNDLE, "same", lambda layer, _: layer)
    assert same.model == BUNDLE.model
    assert np.array_equal(same.golden_output, BUNDLE.golden_output)


def test_the_same_seed_spoils_in_the_same_way() -> None:
    assert noisy(BUNDLE, 0.2, seed=3).model == noisy(BUNDLE, 0.2, seed=3).model
    assert noisy(BUNDLE, 0.2, seed=3).model != noisy(BUNDLE, 0.2, seed=4).model

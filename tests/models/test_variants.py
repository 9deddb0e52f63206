import numpy as np
import pytest

from models.config import FitConfig
from models.fit import stack
from models.parity import DeviceModel
from models.variants import SHIPS, TEACHER, VARIANTS, Variant, make_variants
from tests.models.networks import HELD_OUT, TRAINING, rms


@pytest.fixture(scope="module")
def variants() -> dict[str, Variant]:
    return {
        variant.name: variant for variant in make_variants(TRAINING, HELD_OUT, FitConfig(epochs=3, batch=32))
    }


@pytest.mark.slow
def test_every_step_of_the_road_is_there(variants: dict[str, Variant]) -> None:
    assert tuple(variants) == VARIANTS


@pytest.mark.slow
def test_only_what_is_wanted_is_trained() -> None:
    config = FitConfig(epochs=1, batch=32)
    assert [v.name for v in make_variants(TRAINING, HELD_OUT, config, (SHIPS, TEACHER))] == [TEACHER, SHIPS]


@pytest.mark.slow
def test_each_is_asked_in_the_same_way_and_learned_something(variants: dict[str, Variant]) -> None:
    contexts, _ = stack(HELD_OUT)
    for variant in variants.values():
        before = contexts.copy()
        reconstructed = variant.reconstruct(contexts)
        np.testing.assert_array_equal(contexts, before)
        assert reconstructed.shape == contexts.shape
        assert reconstructed.dtype == np.float32
        assert rms(reconstructed - contexts) < 0.9 * rms(contexts), variant.name


@pytest.mark.slow
def test_a_file_is_of_the_kind_that_its_name_says(variants: dict[str, Variant]) -> None:
    for variant in variants.values():
        wanted = np.int8 if "int8" in variant.name else np.float32
        assert DeviceModel(variant.file).dtypes == (wanted, wanted), variant.name
        assert variant.packed_bytes < len(variant.file)
    sizes = {name: len(variant.file) for name, variant in variants.items()}
    assert sizes["teacher float"] > 8 * sizes["student float"]
    assert sizes["student int8, tuned"] < 32_000
    assert (
        variants["student int8, pruned"].packed_bytes < variants["student int8, after training"].packed_bytes
    )

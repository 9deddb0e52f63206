import zlib

import numpy as np
import pytest

from models.anomaly import AutoencoderConfig, build_model
from models.fit import FitResult, stack
from models.parity import DeviceModel
from models.prune import SPARSITY, prune
from models.quantize import quantize
from tests.models.networks import CONFIG, HELD_OUT, LENGTH, TRAINING, WIDTH, student, teacher


@pytest.fixture(scope="module")
def pruned() -> FitResult:
    return prune(teacher().model, student().model, TRAINING, HELD_OUT, CONFIG)


@pytest.mark.slow
def test_half_of_every_kernel_is_zero_and_the_rest_learned_to_do_without(pruned: FitResult) -> None:
    kernels = [w for w in pruned.model.get_weights() if w.ndim == 4]
    assert len(kernels) == 7
    for kernel in kernels:
        assert np.mean(kernel == 0) == pytest.approx(SPARSITY, abs=0.01)
    assert pruned.error < 1.5 * student().error
    names = [w.name for w in build_model(AutoencoderConfig.student(LENGTH, WIDTH)).weights]
    assert [w.name for w in pruned.model.weights] == names


@pytest.mark.slow
def test_the_student_keeps_its_weights(pruned: FitResult) -> None:
    assert pruned.model is not student().model
    assert not any((w == 0).mean() > 0.1 for w in student().model.get_weights() if w.ndim == 4)


@pytest.mark.slow
def test_zeros_save_bytes_only_where_a_file_is_compressed(pruned: FitResult) -> None:
    contexts, _ = stack(TRAINING)
    files = [quantize(network, contexts, seed=1) for network in (student().model, pruned.model)]
    dense, sparse = (len(file) for file in files)
    assert sparse == pytest.approx(dense, rel=0.02)
    packed_dense, packed_sparse = (len(zlib.compress(file, 9)) for file in files)
    assert packed_sparse < 0.85 * packed_dense
    assert DeviceModel(files[1]).operations() == ["CONV_2D", "RESHAPE"]

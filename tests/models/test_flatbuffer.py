import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.errors import BundleError
from models.edge_tpu import check_network
from models.errors import ModelFileError
from models.flatbuffer import read_convolutions, read_network
from tests.tflite_files import fragile_identity_model, identity_model, repack, unpacked

MODELS = Path(__file__).resolve().parents[1] / "golden" / "models"
TINY = (MODELS / "tiny.tflite").read_bytes()


def test_a_convolution_is_read_with_all_that_is_judged() -> None:
    network = read_network(TINY)
    (convolution,) = network.operations
    data, weights, bias = convolution.inputs
    assert (convolution.name, convolution.version, convolution.is_custom) == ("CONV_2D", 3, False)
    assert data is not None and weights is not None and bias is not None
    assert (data.dtype, data.shape, data.is_constant) == ("INT8", (1, 1, 8, 17), False)
    assert data.scales == pytest.approx((16 / 255,), rel=0.01) and len(data.zero_points) == 1
    assert (weights.dtype, weights.shape, weights.is_constant) == ("INT8", (17, 1, 3, 17), True)
    assert len(weights.scales) == 17 and weights.channel_axis == 0 and not weights.is_zero
    assert (bias.dtype, bias.size, bias.is_constant, bias.is_zero) == ("INT32", 17, True, True)
    assert convolution.outputs == network.outputs and network.inputs == (data,)
    assert convolution.options["dilationWFactor"] == convolution.options["strideH"] == 1


def test_weights_are_read_as_the_runtime_uses_them() -> None:
    (convolution,) = read_convolutions(TINY)
    described = read_network(TINY).operations[0]
    _, weights, _ = described.inputs
    assert weights is not None
    assert convolution.kernel.shape == weights.shape
    assert convolution.kernel_scales.tolist() == pytest.approx(weights.scales)
    assert convolution.bias.shape == convolution.bias_scales.shape == (17,) and not convolution.bias.any()
    assert np.abs(convolution.kernel).max(axis=(1, 2, 3)).tolist() == [127] * 17, "a range for each channel"
    (output,) = described.outputs
    assert ((convolution.scale,), (convolution.zero_point,)) == (output.scales, output.zero_points)
    names = [op.name for op in read_network(load_bundle("pump").model).operations]
    assert len(read_convolutions(load_bundle("pump").model)) == names.count("CONV_2D")


def test_a_damaged_file_has_no_weights_to_read() -> None:
    with pytest.raises(ModelFileError, match="mark TFL3 is missing"):
        read_convolutions(TINY[:4] + b"????" + TINY[8:])
    with pytest.raises(ModelFileError, match="damaged"):
        read_convolutions(TINY[:200])


def test_operations_stand_in_the_order_in_which_they_run() -> None:
    names = [op.name for op in read_network(load_bundle("pump").model).operations]
    assert names[:2] == ["CONV_2D", "CONV_2D"] and "RESHAPE" in names
    assert [op.name for op in read_network(fragile_identity_model((1, 1, 2, 2))).operations] == [
        "CAST",
        "GATHER",
    ]


def test_small_constants_are_read_as_parameters() -> None:
    (reshape,) = read_network(identity_model((1, 1, 4, 3))).operations
    sizes = reshape.inputs[1]
    assert sizes is not None and sizes.values == (1, 1, 4, 3)


def test_a_size_left_open_is_told() -> None:
    model = unpacked(TINY)
    model.subgraphs[0].tensors[0].shapeSignature = np.array([-1, 1, 8, 17], np.int32)
    source = read_network(repack(model)).inputs[0]
    assert (source.shape, source.signature) == ((1, 1, 8, 17), (-1, 1, 8, 17))


def test_a_custom_operation_keeps_its_name() -> None:
    model = unpacked(TINY)
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = 32  # CUSTOM
    code.customCode = "edgetpu-custom-op"
    (operation,) = read_network(repack(model)).operations
    assert (operation.name, operation.is_custom) == ("edgetpu-custom-op", True)


def test_every_graph_is_counted() -> None:
    model = unpacked(TINY)
    model.subgraphs.append(model.subgraphs[0])
    assert read_network(repack(model)).n_subgraphs == 2


def test_an_input_left_out_is_none() -> None:
    model = unpacked(TINY)
    model.subgraphs[0].operators[0].inputs = [0, 1, -1]
    assert read_network(repack(model)).operations[0].inputs[2] is None


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"x" * 500, TINY[:100], b"\xff\xff\xff\x7fTFL3" + bytes(50)]
)
def test_what_is_no_model_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_network(content)
    assert isinstance(caught.value, BundleError)
    assert "\n" not in str(caught.value)


def test_a_tensor_that_is_not_there_is_damage() -> None:
    for index in (99, -2):
        model = unpacked(TINY)
        model.subgraphs[0].operators[0].inputs = [index, 1, 2]
        with pytest.raises(ModelFileError, match="damaged"):
            read_network(repack(model))


def test_damage_anywhere_is_refused_or_judged_and_never_a_crash() -> None:
    rng = random.Random(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(TINY)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            check_network(read_network(bytes(damaged)))
        except ModelFileError:
            refused += 1
    assert 0 < refused < 400


def test_reading_loads_no_tensorflow() -> None:
    code = "import sys, models.check; print(sorted({'tensorflow', 'tf_keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

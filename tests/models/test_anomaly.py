import numpy as np
import pytest

from models.anomaly import AutoencoderConfig, build_model, code_model, masked_error


@pytest.mark.parametrize(("length", "width"), [(8, 8), (8, 38), (16, 32), (64, 40)])
def test_what_goes_in_comes_out(length: int, width: int) -> None:
    for shape in (AutoencoderConfig.student, AutoencoderConfig.teacher):
        model = build_model(shape(length, width))
        assert model.input_shape == model.output_shape == (None, 1, length, width)


def test_the_teacher_is_several_times_as_wide_but_tells_no_more() -> None:
    small, large = AutoencoderConfig.student(8, 16), AutoencoderConfig.teacher(8, 16)
    assert large.wide >= 4 * small.wide
    assert large.narrow >= 4 * small.narrow
    assert large.code == small.code
    assert build_model(large).count_params() > 8 * build_model(small).count_params()
    assert build_model(AutoencoderConfig.student(64, 40)).count_params() < 20_000


def test_every_convolution_is_one_row_high() -> None:
    model = build_model(AutoencoderConfig.student(16, 8))
    kernels = [w.shape for w in model.weights if w.name.endswith("kernel:0")]
    assert [shape[0] for shape in kernels] == [1] * 7


def test_a_long_context_is_halved_once_more_and_half_as_much_of_it_passes() -> None:
    model = build_model(AutoencoderConfig.student(64, 14))
    kernels = [w.shape for w in model.weights if w.name.endswith("kernel:0")]
    assert len(kernels) == 9
    assert code_model(model).output_shape[1] == (None, 1, 64 // 8, 4)
    assert code_model(build_model(AutoencoderConfig.student(28, 14))).output_shape[1][2] == 28 // 4


@pytest.mark.parametrize(("width", "code"), [(3, 2), (8, 2), (14, 4), (16, 4), (24, 6), (40, 6)])
def test_one_number_of_the_code_speaks_for_about_four_features(width: int, code: int) -> None:
    assert AutoencoderConfig.student(16, width).code == code


def test_names_do_not_depend_on_what_was_built_before() -> None:
    names = [[w.name for w in build_model(AutoencoderConfig.student(8, 8)).weights] for _ in range(2)]
    assert names[0] == names[1]


def test_the_code_is_all_that_passes() -> None:
    config = AutoencoderConfig.student(16, 8)
    model = build_model(config)
    contexts = np.random.default_rng(0).normal(size=(5, 1, 16, 8)).astype(np.float32)
    reconstructed, code = code_model(model)(contexts)
    np.testing.assert_array_equal(reconstructed, model(contexts))
    assert code.shape == (5, 1, 4, config.code)
    # Without a code, whatever went in is forgotten.
    layer = model.get_layer("code")
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    reconstructed, code = code_model(model)(contexts)
    assert not np.any(code)
    assert np.ptp(reconstructed, axis=0).max() == 0


def test_only_valid_cells_count_in_the_loss() -> None:
    target = np.zeros((1, 1, 2, 4), np.float32)
    target[0, 0, :, 2:] = [[1, 0], [1, 0]]
    reconstructed = np.array([[[[3, 100], [1, 100]]]], np.float32)
    assert masked_error(target, reconstructed).numpy().tolist() == [5.0]
    target[..., 2:] = 0
    assert masked_error(target, reconstructed).numpy().tolist() == [0.0]

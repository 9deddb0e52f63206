"""What an encoder reads of a life is what a reader of its rows would compute."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from contract.forecast import HEAD_ROWS, Inputs, assemble
from contract.lives import End, Life
from models.forecast.conditions import Usual
from models.forecast.prepare import RIDGE, SLOPES, SPREAD_ROWS, WINDOWS, Prepare
from models.forecast.train import measure_lives
from models.rul import CLIP, TIMES, look_back
from tests.models.forecast.lives import SPEC, fleet, wearing
from tests.models.forecast.networks import config, constants, prepared, to_numpy

Floats = npt.NDArray[np.float64]
N_SENSORS, N_SETTINGS = len(SPEC.sensors), len(SPEC.settings)
LEVEL, DIFFERENCE, SPREAD = (slice(i * N_SENSORS, (i + 1) * N_SENSORS) for i in range(3))
SETTINGS = slice(3 * N_SENSORS, 3 * N_SENSORS + N_SETTINGS)
SHARE = SETTINGS.stop
TIME = slice(SHARE + 1, SHARE + 2 + 2 * len(TIMES))


def require_close(said: npt.ArrayLike, expected: npt.ArrayLike) -> None:
    """The same but for the rounding of float32."""
    np.testing.assert_allclose(np.asarray(said), np.asarray(expected), rtol=1e-4, atol=1e-4)


def usual() -> Usual:
    """What is usual for `constants`, in double precision."""
    return Usual.of_lives(fleet(6))


def read(life: Life, n_rows: int = 64, **options: int) -> Inputs:
    """What a life is turned into."""
    sizes = config(n_rows=n_rows, **options)  # type: ignore[arg-type]
    return {
        name: each[0] for name, each in prepared([life], Prepare(sizes, constants()), sizes.inputs).items()
    }


def changed(life: Life, rows: slice, sensor: int, value: float) -> Life:
    """A life with other values of one sensor."""
    sensors = life.sensors.copy()
    sensors[rows, sensor] = value
    return replace(life, sensors=sensors)


# What is read of a life


def test_a_token_holds_means_spreads_and_differences_of_its_rows() -> None:
    life = wearing(50, 61)
    z = np.clip(usual().standardise(life), -CLIP, CLIP)
    scaled = (life.settings - usual().conditions.offset) / usual().conditions.scale
    edges = look_back(64)
    tokens = read(life)["tokens"]
    assert len(tokens) == len(edges) - 1
    for token, near, far in zip(tokens, edges[:-1], edges[1:], strict=True):
        rows = slice(max(61 - far, 0), 61 - near)
        require_close(token[LEVEL], z[rows].mean(0))
        np.testing.assert_allclose(token[SPREAD], z[rows].std(0), rtol=1e-3, atol=3e-3)
        require_close(token[DIFFERENCE], z[rows].mean(0) - z[:HEAD_ROWS].mean(0))
        require_close(token[SETTINGS], scaled[rows].mean(0))
        assert token[SHARE] == pytest.approx(len(z[rows]) / (far - near))


def test_a_token_says_how_long_ago_and_at_what_age_it_was() -> None:
    life = wearing(50, 61)
    life = replace(life, age=life.age**1.2, end_age=500.0)  # rows need not be evenly spaced
    edges = look_back(64)
    for token, near, far in zip(read(life)["tokens"], edges[:-1], edges[1:], strict=True):
        at = life.age[max(61 - far, 0) : 61 - near].mean()
        t = np.log1p((life.age[-1] - at) / SPEC.horizon)
        angles = 2 * np.pi * np.array(TIMES) * t
        np.testing.assert_allclose(token[TIME], [t, *np.sin(angles), *np.cos(angles)], rtol=1e-3, atol=1e-3)
        assert token[TIME.stop] == pytest.approx(at / SPEC.horizon, rel=1e-4)


def test_the_summary_is_the_statistics_of_the_whole_history() -> None:
    life = wearing(50, 61)
    z = np.clip(usual().standardise(life), -CLIP, CLIP)
    means = [z[-window:].mean(0) for window in WINDOWS]
    expected = [*means, means[1] - z[:HEAD_ROWS].mean(0), means[0] - means[2], z[-SPREAD_ROWS:].std(0)]
    expected += [_slope(z[-rows:]) for rows in SLOPES]
    lived = life.age[-1] / SPEC.horizon
    np.testing.assert_allclose(
        read(life)["summary"], np.concatenate([*expected, [lived, np.log1p(lived)]]), rtol=1e-3, atol=1e-3
    )


def _slope(z: Floats) -> Floats:
    """Ridge regression on time in 100 rows, from centred values."""
    t = np.arange(len(z)) / 100
    t -= t.mean()
    return np.asarray((t[:, None] * z).mean(0) / ((t**2).mean() + RIDGE / len(z)))


@pytest.mark.parametrize("length", [1, 5, 40, 64])
def test_padding_never_matters(length: int) -> None:
    life = wearing(51, 64).cut(length)
    short, long = read(life, 64), read(life, 512)
    n = len(short["mask"])
    require_close(long["tokens"][:n], short["tokens"])
    require_close(long["summary"], short["summary"])
    np.testing.assert_array_equal(long["mask"][:n], short["mask"])
    assert not long["mask"][n:].any()
    assert not long["tokens"][n:].any()


def test_what_stands_where_there_is_no_row_is_not_read() -> None:
    sizes = config(n_rows=64)
    prepare = Prepare(sizes, constants())
    raw = assemble([wearing(52, 30)], sizes.inputs)
    empty = raw["mask"] == 0
    spoilt = {name: values.copy() for name, values in raw.items()}
    for name in ("age", "settings", "sensors"):
        spoilt[name][empty] = 77.0
    clean, other = to_numpy(prepare(raw)), to_numpy(prepare(spoilt))
    assert all(np.array_equal(clean[name], other[name]) for name in clean)


def test_few_rows_may_be_given_where_a_life_has_no_more() -> None:
    sizes = config(n_rows=512)
    prepare, lives = Prepare(sizes, constants()), [wearing(53, 60), wearing(54, 21)]
    all_rows = prepared(lives, prepare, sizes.inputs)
    few_rows = prepared(lives, prepare, replace(sizes.inputs, n_rows=64))
    for name, values in all_rows.items():
        require_close(few_rows[name], values)


def test_what_was_not_measured_is_left_out_of_means() -> None:
    life = wearing(55, 60)
    z = usual().standardise(life)
    gaps = changed(life, slice(57, 60), 0, np.nan)  # the newest token's last three rows of four
    token = read(gaps)["tokens"][0]
    assert token[LEVEL][0] == pytest.approx(z[56, 0], rel=1e-3)
    assert token[SPREAD][0] == pytest.approx(0.0, abs=3e-3)
    assert token[LEVEL][1] == pytest.approx(z[56:, 1].mean(), rel=1e-3)
    assert read(gaps)["summary"][0] == pytest.approx(z[55:57, 0].mean(), rel=1e-3)
    assert token[SHARE] == 1.0


def test_a_sensor_that_a_token_never_saw_says_nothing_there() -> None:
    tokens = read(changed(wearing(55, 60), slice(56, 60), 0, np.nan))["tokens"]
    assert tokens[0][LEVEL][0] == tokens[0][DIFFERENCE][0] == tokens[0][SPREAD][0] == 0.0
    assert tokens[0][DIFFERENCE][1] != 0.0
    assert np.isfinite(tokens).all()


def test_a_first_row_without_a_sensor_does_not_make_it_look_new_at_0() -> None:
    life = wearing(55, 60)
    z = usual().standardise(life)
    gaps = changed(life, slice(0, 10), 0, np.nan)
    expected = z[56:, 0].mean() - z[10:HEAD_ROWS, 0].mean()
    assert read(gaps)["tokens"][0][DIFFERENCE][0] == pytest.approx(expected, rel=1e-3)


def test_a_setting_that_is_not_known_is_taken_as_the_mean() -> None:
    life, offset = wearing(56, 60), usual().conditions.offset
    unknown, mean = life.settings.copy(), life.settings.copy()
    unknown[-6:], mean[-6:] = np.nan, offset
    said, expected = (read(replace(life, settings=each)) for each in (unknown, mean))
    assert np.isfinite(said["tokens"]).all()
    require_close(said["tokens"], expected["tokens"])
    np.testing.assert_allclose(said["tokens"][0][SETTINGS], 0.0, atol=1e-5)


def test_a_sensor_that_is_constant_in_training_says_nothing_later() -> None:
    rigid = [changed(life, slice(None), 1, 3.0) for life in fleet(6)]
    sizes = config(n_rows=64)
    prepare = Prepare(sizes, measure_lives(rigid))
    lives = [changed(rigid[0], slice(None), 1, value) for value in (3.0, 400.0)]
    tokens = prepared(lives, prepare, sizes.inputs)["tokens"]
    for part in (LEVEL, DIFFERENCE, SPREAD):
        assert not tokens[:, :, part][:, :, 1].any()
    require_close(tokens[0], tokens[1])


def test_a_token_without_rows_is_masked() -> None:
    said = read(wearing(57, 18), head_rows=5)
    assert said["mask"].tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert not said["tokens"][4:].any()
    assert said["tokens"][3][SHARE] == pytest.approx(2 / 8)


def test_an_outlier_counts_only_so_much() -> None:
    for value, said in ((1e6, CLIP), (-1e6, -CLIP)):
        outlier = read(changed(wearing(58, 60), slice(56, 60), 0, value))
        assert outlier["tokens"][0][LEVEL][0] == said
        assert np.abs(outlier["summary"][: N_SENSORS * len(WINDOWS)]).max() <= CLIP


def test_a_long_life_is_compared_with_its_first_rows() -> None:
    life = wearing(59, 110)
    z = np.clip(usual().standardise(life), -CLIP, CLIP)
    said = read(life, n_rows=64)["tokens"][0]
    require_close(said[DIFFERENCE], z[-4:].mean(0) - z[:HEAD_ROWS].mean(0))
    forgotten = changed(life, slice(HEAD_ROWS, 110 - 64 + HEAD_ROWS), 0, 900.0)
    remembered = changed(life, slice(0, 1), 0, 900.0)
    np.testing.assert_array_equal(read(forgotten)["tokens"], read(life)["tokens"])
    assert (read(remembered)["tokens"][0] != said).any()


def test_how_a_life_ended_is_not_read() -> None:
    life = wearing(60, 60)
    other = replace(life, end=End.RUNNING, end_age=10_000.0, group="elsewhere", machine="x", number=7)
    for name, values in read(life).items():
        np.testing.assert_array_equal(read(other)[name], values)


def test_what_came_later_is_not_read() -> None:
    life = wearing(60, 100)
    spoilt = changed(life, slice(50, None), 0, 900.0)
    for name, values in read(life.cut(50)).items():
        np.testing.assert_array_equal(read(spoilt.cut(50))[name], values)


@pytest.mark.parametrize("n_rows", [1, 3, 21, 41])
def test_a_model_may_read_few_rows(n_rows: int) -> None:
    said = read(wearing(61, 50), n_rows, head_rows=0)
    assert said["mask"].all()
    assert np.isfinite(said["tokens"]).all()

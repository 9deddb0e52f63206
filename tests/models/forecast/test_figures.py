"""Every figure is shown with its words and its unit."""

from models.forecast.figures import MEANINGS, WITHOUT_UNIT, format_figures
from models.forecast.metrics import METRICS, NEAR_END


def test_every_figure_has_words() -> None:
    assert list(MEANINGS) == list(METRICS)
    assert set(WITHOUT_UNIT) < set(METRICS)
    assert f"{NEAR_END:g} were left" in MEANINGS["rmse_rul_le_60"]


def test_figures_stand_in_columns() -> None:
    lines = format_figures(dict.fromkeys(METRICS, 0.5), "h").splitlines()
    assert len(lines) == len(METRICS)
    assert len({line.index(MEANINGS[line.split()[0]]) for line in lines}) == 1
    assert [line.split()[0] for line in lines if "0.5 h" not in line] == list(WITHOUT_UNIT)


def test_what_nothing_can_be_said_for_is_unknown() -> None:
    assert "unknown" in format_figures({"rmse": None}, "h")

"""What the templates show, worked out beforehand.

Rule: pure; rows of the store and profiles in, words and geometry out. A template decides nothing but where
a thing stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud import words
from cloud.alerts import AlertKind
from cloud.health import Health
from cloud.hint_words import HintWords, hint_words
from cloud.store.rows import AlertRow, MachineRow, SensorQuality
from cloud.web import plots
from contract.explanation import BandShare
from contract.features import feature_specs
from contract.messages import Contribution, Spectrum
from contract.profiles import MachineProfile
from contract.signals import SensorKind

_FAIR_FROM, _GOOD_FROM = 0.8, 0.995
_LEADING, _LEADING_SHARE = 3, 0.1
_BANDS = 6
"""Frequency bands shown; the others say little."""
_UNSURE = frozenset({Health.OFFLINE, Health.UNKNOWN, Health.BLIND})
_UNSCORED = frozenset({Health.STANDSTILL, Health.UNSTEADY})
"""States beside which a score would be one of another time."""
_PRIMARY = ("velocity_rms", "rms", "level", "spread", "slope")
"""Which feature stands for its sensor: the first of these that there is."""


@dataclass(frozen=True, slots=True)
class KindNote:
    """Something open that does not say how the machine is."""

    kind: words.KindWord
    text: str


@dataclass(frozen=True, slots=True)
class MachineView:
    """One line of the machine table."""

    row: MachineRow
    word: words.StateWord
    score: str
    regime: str
    spark: str
    """SVG path of the scores."""
    threshold_y: float
    quality: str
    """`good`, `fair`, `poor`, or empty when not known."""
    quality_text: str
    is_silent: bool
    """Whether it alarms *and* is not heard of."""
    notes: tuple[KindNote, ...]
    """What else is open: sensors that cannot be believed, slow drift."""
    clock: str
    """By how much its clock is wrong; empty when it can be right."""
    runs_on: str
    """What computes its model, and why that; empty when the device did not say."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One feature's part in an alert."""

    label: str
    percent: int
    deviation: str


@dataclass(frozen=True, slots=True)
class ShareBar:
    """The part of a sensor or a frequency band in an alert."""

    label: str
    percent: int


@dataclass(frozen=True, slots=True)
class SpectrumView:
    """A spectrum as SVG, with where bearing defects would show."""

    label: str
    path: str
    ticks: tuple[tuple[float, str], ...]
    peak_text: str
    defects: tuple[plots.DefectLine, ...]
    resolution_hz: float
    is_coarse: bool
    """Whether some defect frequency is too low for the width of its bands."""
    unknown: str
    """Why no defect frequency can be told; empty where they can."""
    rows: tuple[tuple[str, str], ...]
    """The same numbers: band, amplitude."""


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert in words."""

    row: AlertRow
    kind: words.KindWord
    status: str
    sensors: str
    """Where to look first."""
    duration: str
    """How long the machine has been (or was) anomalous, by its own clock."""
    bars: tuple[Bar, ...]
    sensor_bars: tuple[ShareBar, ...]
    band_bars: tuple[ShareBar, ...]
    hints: tuple[HintWords, ...]
    spectrum: SpectrumView | None
    says: str
    """The sentence that is read out when it is new."""


@dataclass(frozen=True, slots=True)
class FeatureView:
    """One curve."""

    name: str
    label: str
    unit: str
    deviates: bool
    """Whether it is among the leading evidence of the current alert."""


@dataclass(frozen=True, slots=True)
class SensorView:
    """One sensor's curves: those to see first, and the others."""

    name: str
    label: str
    shown: tuple[FeatureView, ...]
    """What deviates, and the one that stands for the sensor."""
    others: tuple[FeatureView, ...]


@dataclass(frozen=True, slots=True)
class QualityView:
    """How believable one sensor was lately."""

    label: str
    name: str
    good: float
    """Share of samples, in percent; the three add up to 100 or are all 0."""
    uncertain: float
    bad: float
    text: str
    level: str
    """`good`, `fair` or `poor`."""


def machine_view(row: MachineRow, spark: str, threshold: float) -> MachineView:
    """A machine as its line in the table shows it."""
    level, text = quality_level(row.confidence)
    return MachineView(
        row=row,
        word=words.STATES[row.health],
        score="–" if row.score is None or row.health in _UNSCORED else f"{row.score:.2f}",
        regime=words.regime_words(row.regime),
        spark=spark,
        threshold_y=plots.spark_y(threshold),
        quality=level,
        quality_text=text,
        is_silent=row.health is Health.ALARM and not row.is_online,
        notes=_notes(row),
        clock=words.clock_words(row.clock_error_s),
        runs_on=words.accelerator_words(row.accelerator, row.accelerator_reason),
    )


def _notes(row: MachineRow) -> tuple[KindNote, ...]:
    notes = []
    if row.faulty_sensors:
        labels = " · ".join(words.sensor_label(name, row.profile) for name in row.faulty_sensors)
        notes.append(KindNote(words.KINDS[AlertKind.SENSOR_FAULT], labels))
    if row.is_drifting:
        notes.append(KindNote(words.KINDS[AlertKind.DRIFT], ""))
    return tuple(notes)


def quality_level(confidence: float | None) -> tuple[str, str]:
    """(level, words) of a share of believable features.

    >>> quality_level(1.0), quality_level(0.84), quality_level(None)
    (('good', 'good'), ('fair', '84 % usable'), ('', ''))
    """
    if confidence is None:
        return "", ""
    if confidence >= _GOOD_FROM:
        return "good", "good"
    return ("fair" if confidence >= _FAIR_FROM else "poor"), f"{confidence:.0%}".replace("%", " % usable")


def alert_view(row: AlertRow, now: datetime | None, shaft_hz: float | None = None) -> AlertView:
    """An alert in words.

    Args:
        row: From the store.
        now: The machine's own newest event time; None: its last edge.
        shaft_hz: Shaft speed about then, for the bearing's defect frequencies.
    """
    profile = row.profile
    bars = sorted(row.contributions, key=lambda c: -c.share)
    leading = leading_evidence(bars)
    names = [row.sensor] if row.sensor else list(dict.fromkeys(c.sensor for c in leading))
    sensors = " · ".join(words.sensor_label(name, profile) for name in names)
    end = row.cleared_at or max(now or row.last_seen_at, row.last_seen_at)
    return AlertView(
        row=row,
        kind=words.KINDS[row.kind],
        status=words.STATUSES[row.status],
        sensors=sensors,
        duration=words.span_words(end - row.since),
        bars=tuple(_bar(c, profile) for c in bars),
        sensor_bars=tuple(
            ShareBar(words.sensor_label(s.sensor, profile), round(100 * s.share)) for s in row.sensor_shares
        ),
        band_bars=tuple(_band_bar(b, profile) for b in row.band_shares[:_BANDS]),
        hints=tuple(hint_words(hint, profile) for hint in row.hints),
        spectrum=_spectrum_view(row, profile, shaft_hz),
        says=f"{row.device_id}: {row.title}",
    )


def leading_evidence(contributions: Sequence[Contribution]) -> list[Contribution]:
    """What to look at first: at most `_LEADING` features, each with a share worth naming."""
    ordered = sorted(contributions, key=lambda c: -c.share)
    return ordered[:1] + [c for c in ordered[1:_LEADING] if c.share >= _LEADING_SHARE]


def sensor_views(
    profile: MachineProfile | None, known: Sequence[tuple[str, str, str]], evidence: Sequence[Contribution]
) -> tuple[SensorView, ...]:
    """Curves grouped by sensor: those that deviate first, then in the profile's order.

    Args:
        profile: The machine's profile; None when it has not told it.
        known: (feature, sensor, UCUM unit) as stored, used without a profile.
        evidence: Of the current alert, if there is one.
    """
    deviating = [c.feature for c in leading_evidence(evidence)]
    features = [(s.name, s.sensor, s.unit) for s in feature_specs(profile)] if profile else list(known)
    by_sensor: dict[str, list[tuple[str, str]]] = {}
    for name, sensor, unit in features:
        by_sensor.setdefault(sensor or name, []).append((name, unit))
    sensors = [_sensor_view(sensor, found, profile, deviating) for sensor, found in by_sensor.items()]
    return tuple(sorted(sensors, key=lambda s: not s.shown[0].deviates))


def quality_view(row: SensorQuality, profile: MachineProfile | None) -> QualityView:
    """One sensor's data quality in percent and words."""
    total = row.good + row.uncertain + row.bad
    good, uncertain, bad = (100 * n / total if total else 0.0 for n in (row.good, row.uncertain, row.bad))
    reasons = words.flag_words(row.flags)
    level = "poor" if bad > 20 or not total else "good" if not reasons and good == 100 else "fair"
    return QualityView(
        label=words.sensor_label(row.sensor, profile),
        name=row.sensor,
        good=good,
        uncertain=uncertain,
        bad=bad,
        text=reasons or ("no data" if not total else "good"),
        level=level,
    )


def is_unsure(health: Health) -> bool:
    """Whether nothing believable is heard of the machine; an unsteady one is heard, only not judged."""
    return health in _UNSURE


def _bar(contribution: Contribution, profile: MachineProfile | None) -> Bar:
    sensor = words.sensor_label(contribution.sensor, profile)
    what = words.feature_words(contribution.feature, contribution.sensor, profile)
    side = "above" if contribution.deviation >= 0 else "below"
    return Bar(
        f"{sensor}: {what}",
        round(100 * contribution.share),
        f"{abs(contribution.deviation):.1f} σ {side} normal",
    )


def _band_bar(band: BandShare, profile: MachineProfile | None) -> ShareBar:
    label = f"{words.sensor_label(band.sensor, profile)}: {band.low_hz:.0f}–{band.high_hz:.0f} Hz"
    return ShareBar(label, round(100 * band.share))


def _spectrum_view(
    row: AlertRow, profile: MachineProfile | None, shaft_hz: float | None
) -> SpectrumView | None:
    spectrum = row.spectrum
    if spectrum is None:
        return None
    bearing = profile.bearing if profile else None
    lines = plots.defect_lines(spectrum, bearing, shaft_hz) if bearing and shaft_hz else ()
    no_speed = "" if shaft_hz else "How fast the shaft turned then is not known, so no defect frequency is."
    peak = max(range(len(spectrum.amplitude)), key=lambda i: spectrum.amplitude[i])
    low_hz = spectrum.start_hz + peak * spectrum.step_hz
    peak_text = f"{spectrum.amplitude[peak]:.3g} {words.unit_words(spectrum.unit)}"
    return SpectrumView(
        label=words.sensor_label(spectrum.sensor, profile),
        path=plots.spectrum_bars(spectrum),
        ticks=plots.spectrum_ticks(spectrum),
        peak_text=f"highest {peak_text} at {low_hz:.0f}–{low_hz + spectrum.step_hz:.0f} Hz",
        defects=lines,
        resolution_hz=spectrum.step_hz,
        is_coarse=any(not line.is_resolved for line in lines),
        unknown=no_speed if bearing else "The profile names no bearing, so no defect frequency is known.",
        rows=tuple(_spectrum_row(spectrum, index) for index in range(len(spectrum.amplitude))),
    )


def _spectrum_row(spectrum: Spectrum, index: int) -> tuple[str, str]:
    low_hz = spectrum.start_hz + index * spectrum.step_hz
    amplitude = f"{spectrum.amplitude[index]:.3g} {words.unit_words(spectrum.unit)}"
    return f"{low_hz:.0f}–{low_hz + spectrum.step_hz:.0f} Hz", amplitude.strip()


def _sensor_view(
    sensor: str, features: list[tuple[str, str]], profile: MachineProfile | None, deviating: list[str]
) -> SensorView:
    spec = words.find_sensor(sensor, profile)
    is_waveform = spec is not None and spec.kind is SensorKind.WAVEFORM
    views = [
        FeatureView(
            name, words.feature_words(name, sensor, profile), words.unit_words(unit), name in deviating
        )
        for name, unit in features
    ]
    order = {kind: rank for rank, kind in enumerate(_PRIMARY if is_waveform else _PRIMARY[2:])}
    primary = min(views, key=lambda v: order.get(words.feature_kind(v.name, sensor), len(order)))
    shown = sorted((v for v in views if v.deviates), key=lambda v: deviating.index(v.name))
    shown += [] if primary.deviates else [primary]
    others = tuple(v for v in views if v not in shown)
    return SensorView(sensor, words.sensor_label(sensor, profile), tuple(shown), others)

"""The curated schema: what a machine type's data must look like, as people agreed on it.

Rule: the pipeline never guesses a schema. It is drafted once from a first snapshot, read and edited by a
person, and checked in; names, units, horizon and ranges that all later stages use come from it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.archive import write_atomically
from contract.errors import ConfigError, DataError
from contract.life_columns import INSTALLED, SENSOR, SETTING, ColumnKind, column_kinds
from contract.lives import End, EventKind, Life, LifeSpec
from models.stages.faults import Range

RANGE_MARGIN = 1.0
"""A drafted range is wider than what was seen by this many times its width on either side, but keeps its
sign."""
MAX_DRIFT = 0.3
"""Jensen-Shannon divergence of a column between spans, 0..1, above which it is named on the model card."""
MAX_SKEW = 0.6
"""The same between the training and the evaluation side of a span; those are cut lives, so they differ."""
UNIT_TAG, TYPE_TAG, TIME_TAG, HORIZON_TAG = "unit", "machine_type", "time_unit", "horizon"
_TYPES = {
    ColumnKind.TEXT: schema_pb2.BYTES,
    ColumnKind.TEXTS: schema_pb2.BYTES,
    ColumnKind.WHOLE: schema_pb2.INT,
    ColumnKind.NUMBER: schema_pb2.FLOAT,
    ColumnKind.AGES: schema_pb2.FLOAT,
    ColumnKind.ROWS: schema_pb2.FLOAT,
}
_EVENT_COLUMNS = ("event_age", "event_kind", "event_code")


def draft_schema(lives: Sequence[Life], spec: LifeSpec, units: Mapping[str, str]) -> Any:
    """A first schema for a person to edit.

    Args:
        lives: A first snapshot.
        spec: Their type.
        units: Setting or sensor to its unit, as people write it; others stay without.

    Returns:
        A `tensorflow_metadata` Schema.

    Raises:
        DataError: there are no lives.
    """
    if not lives:
        raise DataError("a schema cannot be drafted from no lives; give a snapshot that holds some")
    schema = schema_pb2.Schema(represent_variable_length_as_ragged=True)
    tags = ((TYPE_TAG, spec.machine_type), (TIME_TAG, spec.time_unit), (HORIZON_TAG, f"{spec.horizon:g}"))
    schema.annotation.tag.extend(f"{name}={value}" for name, value in tags)
    kinds = column_kinds(spec)
    schema.feature.extend(_feature(name, kind) for name, kind in kinds.items())
    features = {feature.name: feature for feature in schema.feature}
    _add_words(features, spec)
    for prefix, names, part in ((SETTING, spec.settings, "settings"), (SENSOR, spec.sensors, "sensors")):
        for index, name in enumerate(names):
            feature = features[f"{prefix}{name}"]
            _set_range(feature, np.concatenate([getattr(life, part)[:, index] for life in lives]))
            _add_comparators(feature)
            if name in units:
                feature.annotation.tag.append(f"{UNIT_TAG}={units[name]}")
    return schema


def write_schema(path: Path, schema: Any) -> None:
    """Write a schema as text for people to edit.

    Raises:
        OSError: as writing a file does.
    """
    write_atomically(path, text_format.MessageToString(schema).encode())


def read_schema(path: Path) -> Any:
    """Read a curated schema.

    Raises:
        ConfigError: it is none; says in which line.
    """
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except OSError as error:
        raise ConfigError(f"schema {path} cannot be read: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"schema {path}: {str(error)[:200]}") from error


def spec_of(schema: Any) -> LifeSpec:
    """The machine type that a schema describes.

    Raises:
        ConfigError: it does not describe lives; says what it lacks.
    """
    tags = _tags(schema.annotation)
    missing = [name for name in (TYPE_TAG, TIME_TAG, HORIZON_TAG) if name not in tags]
    if missing:
        raise ConfigError(f'schema: annotation {{ tag: "{missing[0]}=…" }} is missing')
    names = [feature.name for feature in schema.feature]
    words = {feature.name: tuple(feature.string_domain.value) for feature in schema.feature}
    try:
        spec = LifeSpec(
            tags[TYPE_TAG],
            tags[TIME_TAG],
            float(tags[HORIZON_TAG]),
            tuple(name.removeprefix(SETTING) for name in names if name.startswith(SETTING)),
            tuple(name.removeprefix(SENSOR) for name in names if name.startswith(SENSOR)),
            words.get("event_code", ()),
            components=words.get("component", ()),
        )
    except (ValueError, DataError) as error:
        raise ConfigError(f"schema: {error}") from error
    lacking = [name for name in column_kinds(spec) if name not in names]
    if lacking:
        raise ConfigError(f"schema: feature {lacking[0]} is missing; every life has that column")
    return spec


def ranges_of(schema: Any) -> dict[str, Range]:
    """Column to what it may hold, for the columns that have a range."""
    ranges = {}
    for feature in schema.feature:
        domain = feature.float_domain
        if domain.HasField("min") and domain.HasField("max"):
            low, high = (float(f"{bound:.7g}") for bound in (domain.min, domain.max))  # they are float32
            ranges[feature.name] = Range(low, high, _tags(feature.annotation).get(UNIT_TAG, ""))
    return ranges


def _feature(name: str, kind: ColumnKind) -> Any:
    feature = schema_pb2.Feature(name=name, type=schema_pb2.INT if name == INSTALLED else _TYPES[kind])
    if name in (
        *_EVENT_COLUMNS,
        INSTALLED,
    ):  # a life without events has none; a data set may have no calendar
        feature.presence.min_fraction = 0.0
        if not kind.is_list:
            feature.value_count.max = 1
        return feature
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    feature.value_count.min = 1
    if not kind.is_list:
        feature.value_count.max = 1
    if name in ("age", "end_age"):
        feature.float_domain.min = 0.0
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True
    return feature


def _add_words(features: Mapping[str, Any], spec: LifeSpec) -> None:
    vocabularies = {
        "end": tuple(End),
        "event_kind": tuple(EventKind),
        "event_code": spec.events,
        "component": spec.components,
    }
    for name, words in vocabularies.items():
        features[name].string_domain.name = name
        features[name].string_domain.value.extend(map(str, words))


def _set_range(feature: Any, values: Any) -> None:
    known = values[np.isfinite(values)]
    if not len(known):
        return
    low, high = float(known.min()), float(known.max())
    margin = RANGE_MARGIN * ((high - low) or abs(high) or 1.0)
    widened = low - margin if low < 0 else max(low - margin, 0.0)  # a pressure will not go below zero
    feature.float_domain.min = _round_outwards(widened, -1)
    feature.float_domain.max = _round_outwards(high + margin, 1)
    feature.float_domain.disallow_inf = True


def _round_outwards(value: float, direction: int) -> float:
    """To two digits, away from what was seen: a number that a person reads and edits."""
    if value == 0:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    rounded = np.ceil(value / step) if direction > 0 else np.floor(value / step)
    return float(f"{rounded * step:.6g}")


def _add_comparators(feature: Any) -> None:
    feature.drift_comparator.jensen_shannon_divergence.threshold = MAX_DRIFT
    feature.skew_comparator.jensen_shannon_divergence.threshold = MAX_SKEW


def _tags(annotation: Any) -> dict[str, str]:
    return dict(tag.split("=", 1) for tag in annotation.tag if "=" in tag)

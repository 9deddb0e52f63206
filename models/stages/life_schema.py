"""The curated schema of a machine type's lives.

Rule: components, names, units and horizon of the type that a forecast is trained for come from here alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.errors import ConfigError, DataError
from contract.life_columns import INSTALLED, SENSOR, SETTING, ColumnKind, column_kinds
from contract.lives import End, EventKind, Life, LifeSpec
from models.stages.schema import UNIT_TAG, add_comparators, set_range, tags_of

TYPE_TAG, TIME_TAG, HORIZON_TAG = "machine_type", "time_unit", "horizon"
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
            set_range(feature, np.concatenate([getattr(life, part)[:, index] for life in lives]))
            add_comparators(feature)
            if name in units:
                feature.annotation.tag.append(f"{UNIT_TAG}={units[name]}")
    return schema


def spec_of(schema: Any) -> LifeSpec:
    """The machine type that a schema describes.

    Raises:
        ConfigError: it does not describe lives; says what it lacks.
    """
    tags = tags_of(schema.annotation)
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

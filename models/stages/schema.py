"""The curated schema: what a span's data must look like, as people agreed on it.

Rule: the pipeline never guesses a schema. It is drafted once, read and edited by a person, and checked in;
names, units and ranges that all later stages use come from it alone. What it says of lives stands in
`models.stages.life_schema`, what it says of windows in `models.stages.window_schema`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.archive import write_atomically
from contract.errors import ConfigError
from models.stages.faults import Range

RANGE_MARGIN = 1.0
"""A drafted range is wider than what was seen by this many times its width on either side, but keeps its
sign."""
MAX_DRIFT = 0.3
"""Jensen-Shannon divergence of a column between spans, 0..1, above which it is named on the model card."""
MAX_SKEW = 0.6
"""The same between the training and the evaluation side of a span: other machines, and lives are cut."""
UNIT_TAG = "unit"


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


def ranges_of(schema: Any) -> dict[str, Range]:
    """Column to what it may hold, for the columns that have a range."""
    ranges = {}
    for feature in schema.feature:
        domain = feature.float_domain
        if domain.HasField("min") and domain.HasField("max"):
            low, high = (float(f"{bound:.7g}") for bound in (domain.min, domain.max))  # they are float32
            ranges[feature.name] = Range(low, high, tags_of(feature.annotation).get(UNIT_TAG, ""))
    return ranges


def set_range(feature: Any, values: Any) -> None:
    """Give a column a range with room around what was seen; none where nothing was."""
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


def add_comparators(feature: Any) -> None:
    """Have a column's drift and skew measured."""
    feature.drift_comparator.jensen_shannon_divergence.threshold = MAX_DRIFT
    feature.skew_comparator.jensen_shannon_divergence.threshold = MAX_SKEW


def tags_of(annotation: Any) -> dict[str, str]:
    """Name to value of the tags `name=value` of an annotation."""
    return dict(tag.split("=", 1) for tag in annotation.tag if "=" in tag)

"""Structured logs: one JSON object a line, the same fields in every process.

Rule: whoever logs passes facts as `extra={...}`; keys that smell of a secret are masked, at any depth, before
anything is written.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = re.compile(r"password|passwd|secret|token|api_?key|private|credential", re.IGNORECASE)


class JsonFormatter(logging.Formatter):
    """Formats a record as `{"time", "level", "logger", "message", …extra}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON; values that JSON does not know are written as text."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD:
                entry[key] = _mask(key, value)
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def _mask(key: str, value: object) -> object:
    """A fact as JSON can hold it, without secrets, however deep they sit."""
    if _SECRET.search(key):
        return "***"
    if isinstance(value, Mapping):
        return {str(name): _mask(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask("", item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def configure_logging(level: str = "INFO") -> None:
    """Send every log of this process to stderr as JSON lines; called once, in a `__main__`."""
    sink = logging.StreamHandler(sys.stderr)
    sink.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[sink], force=True)

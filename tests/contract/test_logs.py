"""One JSON object a line, and no secret in it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from contract.logs import JsonFormatter

SECRETS = [
    "password",
    "mqtt_password",
    "API_KEY",
    "apikey",
    "token",
    "session_token",
    "client_secret",
    "private_key",
]


def line(
    message: str = "hello", *args: object, extra: dict[str, Any] | None = None, error: bool = False
) -> dict[str, Any]:
    logger = logging.Logger("edge_agent.test")
    try:
        raise ValueError("what happened") if error else RuntimeError
    except (ValueError, RuntimeError):
        info = sys.exc_info() if error else None
    record = logger.makeRecord(logger.name, logging.WARNING, "f.py", 1, message, args, info, extra=extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    entry: dict[str, Any] = json.loads(text)
    return entry


def test_a_line_says_when_how_bad_who_and_what() -> None:
    entry = line("lost %d of %s", 3, "ten")
    assert entry["message"] == "lost 3 of ten"
    assert (entry["level"], entry["logger"]) == ("warning", "edge_agent.test")
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None
    assert set(entry) == {"time", "level", "logger", "message"}


def test_facts_are_fields() -> None:
    entry = line(extra={"device_id": "press-7", "dropped": 3, "ratio": 0.5, "path": object, "none": None})
    assert (entry["device_id"], entry["dropped"], entry["ratio"], entry["none"]) == ("press-7", 3, 0.5, None)
    assert isinstance(entry["path"], str)


@pytest.mark.parametrize("key", SECRETS)
def test_secrets_are_masked(key: str) -> None:
    entry = line(extra={key: "hunter2"})
    assert entry[key] == "***"
    assert "hunter2" not in json.dumps(entry)


@pytest.mark.parametrize("key", SECRETS)
def test_secrets_inside_facts_are_masked(key: str) -> None:
    entry = line(extra={"settings": {"host": "x", key: "hunter2", "deep": [{key: "hunter2"}]}})
    assert "hunter2" not in json.dumps(entry)
    assert entry["settings"]["host"] == "x"


def test_an_error_is_told_on_the_same_line() -> None:
    assert "ValueError: what happened" in line(error=True)["error"]


def test_line_breaks_and_other_alphabets_survive() -> None:
    assert line("a\nb ä 機")["message"] == "a\nb ä 機"


def test_numbers_that_json_lacks_do_not_break_the_line() -> None:
    text = JsonFormatter().format(
        logging.Logger("x").makeRecord(
            "x", logging.INFO, "f", 1, "m", (), None, extra={"value": float("nan")}
        )
    )

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    json.loads(text, parse_constant=refuse)


def test_a_process_logs_json_to_stderr() -> None:
    script = (
        "import logging; from contract.logs import configure_logging; configure_logging('info');"
        "logging.getLogger('a').debug('no'); logging.getLogger('a').info('yes', extra={'n': 1})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    (entry,) = [json.loads(text) for text in done.stderr.splitlines()]
    assert (entry["message"], entry["n"], entry["logger"]) == ("yes", 1, "a")

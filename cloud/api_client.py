"""Asks the API, for commands that people type.

Rule: a refusal is the API's own sentence; whatever else can go wrong says which address was asked and what to
do. Nothing is tried twice: whoever typed it sees what happened.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloud.errors import CloudError
from contract.errors import ConfigError

TIMEOUT_S = 60.0
"""A plan's release is looked up in the repository while somebody waits."""
MAX_ANSWER_BYTES = 32 * 2**20
_PREFIX = "/api/v1"
_FIRST_REFUSAL = 400
_MOVED = range(300, 400)
KEY, KEY_FILE = "INDUSTRIALGUARD_API_KEY", "INDUSTRIALGUARD_API_KEY_FILE"
_NO_KEY = (
    f"the API does not know who asks: put a key into {KEY}, or its file's name into {KEY_FILE}; "
    "`industrialguard cloud people key NAME --role engineer` makes one"
)


class ApiError(CloudError):
    """The API refused; the message is its own sentence."""


class ApiUnreachableError(ApiError):
    """Nobody answers at the API's address, or somebody else does."""

    retriable = True


def read_key(environment: Mapping[str, str]) -> str:
    """The key that the environment holds or names the file of; empty: neither.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = environment.get(KEY_FILE)
    if environment.get(KEY) or not path:
        return environment.get(KEY, "").strip()
    try:
        return Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{KEY_FILE}: {path} cannot be read as a key") from error


class ApiClient:
    """Requests to one API.

    Args:
        address: `http://HOST:PORT` or `https://HOST`.
        key: Of the program that asks; empty: it asks as nobody.

    Raises:
        ConfigError: the address cannot be one.
    """

    def __init__(self, address: str, key: str = "") -> None:
        self._key = key
        self._address = address.rstrip("/")
        parts = urlsplit(self._address)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        if parts.scheme not in {"http", "https"} or not self._host or parts.username or parts.query:
            raise ConfigError(
                "--api takes http://HOST:PORT or https://HOST, for example http://127.0.0.1:8080"
            )
        self._is_tls = parts.scheme == "https"
        self._path = f"{parts.path}{_PREFIX}"

    def get(self, path: str, **query: Any) -> Any:
        """Read something; parameters that are None or empty are left out.

        Raises:
            ApiError: it was refused, or nobody answers.
        """
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return self._ask("GET", f"{path}?{urlencode(given)}" if given else path, None)

    def post(self, path: str, body: Any) -> Any:
        """Have something done.

        Raises:
            ApiError: it was refused, or nobody answers.
        """
        return self._ask("POST", path, json.dumps(body, default=str).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        connection = self._connect()
        headers = {"Accept": "application/json", "User-Agent": "industrialguard"}
        if self._key:
            headers["X-API-Key"] = self._key
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, f"{self._path}{path}", body, headers)
            answer = connection.getresponse()
            return self._read(answer.status, answer.read(MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ApiUnreachableError(
                f"no API answers at {self._address} ({reason}); is `industrialguard cloud api` running? "
                "Name another with --api URL"
            ) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._is_tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)

    def _read(self, status: int, content: bytes) -> Any:
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise self._stranger(status) from error
        if status < _FIRST_REFUSAL and status not in _MOVED:
            return answer
        if not isinstance(answer, dict) or not isinstance(answer.get("detail"), str):
            raise self._stranger(status)
        if status == HTTPStatus.UNAUTHORIZED:
            raise ApiError(_NO_KEY)
        raise ApiError(answer["detail"].rstrip("."))

    def _stranger(self, status: int) -> ApiUnreachableError:
        return ApiUnreachableError(
            f"what answers at {self._address} ({status}) is not the API; name it with --api URL"
        )

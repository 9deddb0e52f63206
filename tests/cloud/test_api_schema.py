"""The API is asked whatever its own description allows: it never fails, and tells nobody unknown anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from tests.cloud.samples import alarm, arrive, birth, summary
from tests.cloud.signed_in import ME, by
from tests.cloud.test_api_access import OPEN

pytestmark = pytest.mark.slow
OWN = "http://127.0.0.1"
HERE = {"host": "127.0.0.1"}
APART = {"GET /api/v1/events", "DELETE /api/v1/tokens"}
"""A stream that never ends, and what would sign the tester out."""
EXAMPLES = 25


@pytest.fixture
def app(database: Database, writer: StoreWriter) -> FastAPI:
    writer.write(arrive(birth(), summary(1), alarm(2, 7)))
    made = create_app(ApiSettings(requests_per_s=1e6), database)
    made.router.lifespan_context = _nothing  # Schemathesis never ends what it begins
    return made


@asynccontextmanager
async def _nothing(_: FastAPI) -> AsyncIterator[None]:
    yield


def test_whatever_is_asked_is_answered(app: FastAPI) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HERE)
    signed = HERE | by(app, ME)
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.label in APART:
            continue

        @settings(
            max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nobody = case.call(base_url=OWN, headers=HERE)
            name = case.operation.label
            assert nobody.status_code == 401 or name in OPEN, (name, nobody.text)
            answer = case.call(base_url=OWN, headers=signed)
            assert max(nobody.status_code, answer.status_code) < 500, (name, answer.text)

        ask()
        asked += 1
    assert asked > 40

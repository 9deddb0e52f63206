"""Requests are counted by how they ended, and not by who asked."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from cloud.api.app import create_app
from cloud.api.counting import RequestCounter
from cloud.api.settings import ApiSettings
from cloud.metrics import ApiMetrics
from cloud.store.database import Database
from tests.cloud.signed_in import SignedIn as TestClient


def test_answers_are_counted_by_their_status(database: Database) -> None:
    registry = CollectorRegistry()
    app = create_app(ApiSettings(), database)
    app.add_middleware(RequestCounter, metrics=ApiMetrics(registry))
    with TestClient(app, base_url="http://localhost") as client:
        for path in ("/healthz", "/readyz", "/api/v1/machines/nobody"):
            client.get(path)
    for status, count in (("2xx", 2), ("4xx", 1)):
        assert registry.get_sample_value("industrialguard_api_requests_total", {"status": status}) == count
    assert registry.get_sample_value("industrialguard_api_answer_seconds_count") == 3

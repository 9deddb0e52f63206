"""Which model scored which machine."""

from __future__ import annotations

from cloud.store.database import Database
from cloud.store.model_spans import ModelSpan, model_spans
from cloud.store.writer import StoreWriter
from tests.cloud.samples import arrive, at, summary


def test_a_span_for_each_model_of_each_machine(writer: StoreWriter, database: Database) -> None:
    said = [
        summary(number, model_version="m1" if number < 3 else "m2", window_count=6) for number in range(1, 6)
    ]
    writer.write(arrive(*said, summary(1, "press-2"), summary(1, "press-3")))

    with database.session() as session:
        found = model_spans(session, ["press-1", "press-2", "nobody"])

    assert found == [
        ModelSpan("press-1", "m1", at(60), at(120), 12),
        ModelSpan("press-1", "m2", at(180), at(300), 18),
        ModelSpan("press-2", "m1", at(60), at(60), 6),
    ]


def test_the_model_that_scored_last_comes_last(writer: StoreWriter, database: Database) -> None:
    versions = ["m2", "m1", "m1", "m2"]
    writer.write(arrive(*(summary(n, model_version=version) for n, version in enumerate(versions, 1))))

    with database.session() as session:
        assert [span.model_version for span in model_spans(session, ["press-1"])] == ["m1", "m2"]

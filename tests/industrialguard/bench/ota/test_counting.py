"""What goes over a connection is counted to the byte, and the static server answers as nginx does."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from industrialguard.bench.ota.counting import Answers, Clock, Costs, Traffic, counted
from industrialguard.bench.ota.static_web import served

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("size", [1, 3, 1000], ids=["byte by byte", "in pieces", "at once"])
def test_bodies_are_told_from_heads_however_they_come(size: int) -> None:
    unchanged = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
    stream = HEAD + b"a\r\n\r\n" + unchanged + HEAD + b"abcde" + b"HTTP/1.1 204 No Content\r\n\r\n"
    answers = Answers()
    pieces = [stream[first : first + size] for first in range(0, len(stream), size)]
    assert sum(map(answers.count_body, pieces)) == 10


def test_every_byte_of_a_connection_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with served(tmp_path) as port, counted(port) as (url, meter):
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0)
        for body, headers in ((b"content", {}), (b"ent", {"Range": "bytes=4-"})):
            connection.request("GET", "/file", headers=headers)
            answer = connection.getresponse()
            assert answer.read() == body
            traffic = meter.take()
            assert (traffic.requests, traffic.body_bytes) == (1, len(body))
            assert traffic.wire_bytes > len(body) + len("GET /file HTTP/1.1") + len("HTTP/1.1 200 OK")
        tag = answer.headers["ETag"]
        connection.request("GET", "/file", headers={"If-None-Match": tag})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (304, b"")
        assert meter.take().body_bytes == 0
        connection.request("GET", "/nothing")
        answer = connection.getresponse()
        assert (answer.status, len(answer.read())) == (404, meter.take().body_bytes)
        connection.close()
        assert meter.take() == Traffic()


def test_a_changed_file_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with served(tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/file", headers={"Range": "bytes=4-", "If-Range": '"another"'})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"content")
        connection.close()


def test_costs_become_metrics_with_units(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    costs = Costs()
    with served(tmp_path) as port, counted(port) as (url, meter):

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0)
            connection.request("GET", "/file")
            connection.getresponse().read()
            connection.close()

        clock = Clock(meter, costs)
        clock.note("look", ask)
        clock.note("look", ask)
    metrics = costs.metrics()
    assert metrics["look_bytes"].values == (7.0, 7.0)
    assert metrics["look_requests"].values == (1.0, 1.0)
    assert set(metrics) == {"look_bytes", "look_wire_bytes", "look_requests", "look_s"}

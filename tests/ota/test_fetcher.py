"""Whatever a server or a link does, a file comes whole, or an error of ours says why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.exceptions import DownloadHTTPError

from ota.errors import (
    BusyError,
    CancelledError,
    DownloadError,
    MissingError,
    TooLargeError,
    TooSlowError,
    UpdateError,
    WrongServerError,
)
from ota.fetcher import Limits
from ota.parts import CHUNK_BYTES
from ota.web import WebSettings
from tests.ota.fault_server import (
    Fault,
    FaultServer,
    Handler,
    break_off,
    claim_length,
    cut_after,
    drip_body,
    drip_head,
    endless,
    garbage,
    hang,
    ignore_range,
    redirect,
    say,
    wrong_range,
)
from tests.ota.rig import DATA, PATH, QUICK, Rig
from tools.servers.process import free_port


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with FaultServer() as server:
        rig = Rig(server, tmp_path / "parts")
        yield rig
        rig.close()


def test_a_file_comes_whole_and_nothing_of_it_stays(rig: Rig) -> None:
    seen: list[tuple[int, int]] = []
    assert rig.fetch(rig.fetcher(progress=lambda done, total: seen.append((done, total)))) == DATA
    assert rig.parts.is_empty
    assert seen[-1] == (len(DATA), len(DATA)) and seen == sorted(seen)


@pytest.mark.parametrize("n", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5, len(DATA) - 1])
def test_a_cut_download_goes_on_where_it_was_cut(rig: Rig, n: int) -> None:
    rig.server.faults[PATH] = [cut_after(n)]
    assert rig.fetch() == DATA
    assert rig.server.n_bytes(PATH) == len(DATA)
    assert rig.server.served[-1].asked.get("range") == (f"bytes={n}-" if n else None)


def test_a_link_that_always_cuts_gets_there_as_long_as_it_gains(rig: Rig) -> None:
    rig.server.always[PATH] = cut_after(CHUNK_BYTES)
    assert rig.fetch() == DATA
    assert len(rig.server.served) == 6
    assert rig.server.n_bytes(PATH) == len(DATA)


@pytest.mark.parametrize("tags", [True, False], ids=["tagged", "untagged"])
def test_a_file_that_changed_is_not_stitched_together(rig: Rig, tags: bool) -> None:
    rig.server.always[PATH] = cut_after(3 * CHUNK_BYTES)
    with pytest.raises(DownloadError):
        rig.fetch(rig.fetcher(Limits(attempts=1)))
    del rig.server.always[PATH]
    changed = bytes(reversed(DATA))
    rig.server.files[PATH], rig.server.gives_tags = changed, tags
    assert rig.fetch() == changed


FAULTS = {
    "reset": break_off,
    "garbage": garbage,
    "503": say(503),
    "416": say(416),
    "404": say(404),
    "304": say(304),
    "cut early": cut_after(100),
    "cut": cut_after(2 * CHUNK_BYTES + 1),
    "whole": ignore_range,
    "elsewhere": wrong_range,
    "longer": claim_length(9_999_999),
    "shorter": claim_length(1000),
}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(names=st.lists(st.sampled_from(sorted(FAULTS)), max_size=8), n_looks=st.integers(1, 3))
def test_whatever_a_server_does_a_file_is_whole_or_there_is_an_error(
    rig: Rig, names: list[str], n_looks: int
) -> None:
    rig.server.faults[PATH] = [FAULTS[name] for name in names]
    for _ in range(n_looks):
        try:
            data = rig.fetch()
        except (UpdateError, DownloadHTTPError):
            continue
        # A head that promises less than the file cuts it there; TUF's digest is what notices.
        assert data == DATA or (data == DATA[:1000] and "shorter" in names)
    rig.server.faults[PATH] = []
    assert rig.fetch() == DATA
    assert rig.parts.is_empty


def test_without_a_tag_a_cut_download_begins_anew(rig: Rig) -> None:
    def cut_untagged(handler: Handler, data: bytes, start: int) -> None:
        handler.head(200, {"Content-Length": str(len(data))})
        handler.send_bytes(data[:1000])
        handler.cut()

    rig.server.faults[PATH] = [cut_untagged]
    assert rig.fetch() == DATA
    assert "range" not in rig.server.served[-1].asked


@pytest.mark.parametrize("fault", [ignore_range, wrong_range], ids=lambda fault: fault.__name__)
def test_a_server_that_answers_another_range_does_no_harm(rig: Rig, fault: Fault) -> None:
    rig.server.faults[PATH] = [cut_after(2 * CHUNK_BYTES), fault]
    assert rig.fetch() == DATA


def test_a_server_whose_file_is_now_shorter_is_asked_for_all_of_it(rig: Rig) -> None:
    rig.server.faults[PATH] = [cut_after(2 * CHUNK_BYTES), say(416)]
    assert rig.fetch() == DATA


@pytest.mark.parametrize(
    "fault",
    [break_off, garbage, say(503), say(500), say(429), cut_after(10), claim_length(9_999_999)],
    ids=["reset", "garbage", "503", "500", "429", "cut", "length"],
)
def test_what_may_pass_is_tried_again_but_not_for_ever(rig: Rig, fault: Fault) -> None:
    rig.server.faults[PATH] = [fault, fault]
    assert rig.fetch(most=10_000_000) == DATA
    rig.server.served.clear()
    rig.server.always[PATH] = fault
    with pytest.raises(DownloadError) as caught:
        rig.fetch(most=10_000_000)
    assert caught.value.retriable
    assert len(rig.server.served) <= 2 * QUICK.attempts


def test_waits_grow_with_full_jitter_and_are_capped(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    def draw(low: float, high: float) -> float:
        bounds.append(high)
        return high / 2

    monkeypatch.setattr("ota.fetcher.random.uniform", draw)
    rig.server.always[PATH] = say(503)
    with pytest.raises(BusyError):
        rig.fetch(rig.fetcher(Limits(attempts=6, first_wait_s=1.0, longest_wait_s=5.0)))
    assert bounds == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert rig.stop.waits == [bound / 2 for bound in bounds]


def busy_until(text: str) -> Fault:
    def fault(handler: Handler, data: bytes, start: int) -> None:
        head = f"Retry-After: {text}\r\nDate: Sun, 01 Mar 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
        handler.wfile.write(f"HTTP/1.1 503 Busy\r\n{head}".encode())

    return fault


@pytest.mark.parametrize("text", ["7", "Sun, 01 Mar 2026 12:00:07 GMT"], ids=["seconds", "date"])
def test_retry_after_is_honoured(rig: Rig, text: str) -> None:
    rig.server.faults[PATH] = [busy_until(text)]
    assert rig.fetch(rig.fetcher(Limits(first_wait_s=0.001, longest_wait_s=10.0))) == DATA
    assert len(rig.stop.waits) == 1 and 7.0 <= rig.stop.waits[0] <= 7.1


def test_whoever_asks_for_more_patience_is_asked_at_the_next_look(rig: Rig) -> None:
    rig.server.always[PATH] = say(503, Retry_After="3600")
    with pytest.raises(BusyError) as caught:
        rig.fetch()
    assert caught.value.retry_after_s == 3600.0
    assert len(rig.server.served) == 1 and rig.stop.waits == []


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_missing_is_asked_for_once(rig: Rig, status: int) -> None:
    rig.server.always[PATH] = say(status)
    with pytest.raises(DownloadHTTPError):
        rig.fetch()
    assert len(rig.server.served) == 1 and rig.parts.is_empty


@pytest.mark.parametrize("status", [400, 401, 405, 418])
def test_a_refusal_is_not_argued_with(rig: Rig, status: int) -> None:
    rig.server.always[PATH] = say(status)
    with pytest.raises(MissingError, match=str(status)):
        rig.fetch()
    assert len(rig.server.served) == 1


@pytest.mark.parametrize("status", [409, 410])
def test_a_server_that_withdraws_a_file_ends_it_and_nothing_half_is_kept(rig: Rig, status: int) -> None:
    rig.server.faults[PATH] = [cut_after(3 * CHUNK_BYTES), say(status)]
    with pytest.raises(CancelledError):
        rig.fetch()
    assert len(rig.server.served) == 2 and rig.parts.is_empty


def test_a_cancel_in_the_middle_ends_it_and_nothing_half_is_kept(rig: Rig) -> None:
    def cancel(done: int, total: int) -> None:
        if done > 2 * CHUNK_BYTES:
            rig.stop.set()

    with pytest.raises(CancelledError):
        rig.fetch(rig.fetcher(progress=cancel))
    assert rig.parts.is_empty
    with pytest.raises(CancelledError):
        rig.fetch()
    assert len(rig.server.served) == 1


def test_an_endless_body_is_read_no_further_than_allowed(rig: Rig) -> None:
    rig.server.always[PATH] = endless
    with pytest.raises(TooLargeError):
        rig.fetch()
    assert rig.parts.is_empty


def test_a_body_that_says_it_is_too_large_is_not_read(rig: Rig) -> None:
    seen: list[int] = []
    with pytest.raises(TooLargeError):
        rig.fetch(rig.fetcher(progress=lambda done, total: seen.append(done)), most=len(DATA) - 1)
    assert seen == [] and rig.parts.is_empty


def test_bytes_that_drip_are_too_slow(rig: Rig) -> None:
    rig.server.always[PATH] = drip_body
    with pytest.raises(TooSlowError):
        rig.fetch()
    assert len(rig.server.served) == 1


def test_a_head_that_drips_is_too_slow(rig: Rig) -> None:
    rig.server.always[PATH] = drip_head
    with pytest.raises(TooSlowError):
        rig.fetch(rig.fetcher(web=WebSettings(silence_timeout_s=5.0, head_timeout_s=0.3)))


def test_a_silent_server_is_given_up(rig: Rig) -> None:
    rig.server.always[PATH] = hang
    with pytest.raises(DownloadError, match="silent"):
        rig.fetch(rig.fetcher(Limits(attempts=1), WebSettings(silence_timeout_s=0.1)))


def test_a_port_where_nobody_listens(rig: Rig) -> None:
    with pytest.raises(DownloadError, match="cannot be reached"):
        rig.fetcher(QUICK).download_bytes(f"http://127.0.0.1:{free_port()}/x", 10)


def test_a_redirect_on_the_same_server_is_followed(rig: Rig) -> None:
    rig.server.faults[PATH] = [redirect("/moved")]
    rig.server.files["/moved"] = DATA
    assert rig.fetch() == DATA


def test_a_redirect_to_another_server_is_refused(rig: Rig) -> None:
    with FaultServer() as other:
        other.files[PATH] = DATA
        rig.server.always[PATH] = redirect(other.url + PATH)
        with pytest.raises(WrongServerError, match=r"sends us to '127\.0\.0\.1'"):
            rig.fetch()
        assert other.served == [] and len(rig.server.served) == 1


def test_a_redirect_in_a_circle_ends(rig: Rig) -> None:
    rig.server.always[PATH] = redirect(PATH)
    with pytest.raises(WrongServerError, match="circles"):
        rig.fetch()


def test_a_small_file_that_has_not_changed_is_not_sent_again(rig: Rig) -> None:
    fetcher = rig.fetcher()
    for _ in range(2):
        assert fetcher.download_bytes(rig.server.url + PATH, len(DATA)) == DATA
    assert [each.status for each in rig.server.served] == [200, 304]
    rig.server.files[PATH] = b"new"
    assert fetcher.download_bytes(rig.server.url + PATH, len(DATA)) == b"new"
    rig.server.always[PATH] = say(304)
    assert fetcher.download_bytes(rig.server.url + PATH, len(DATA)) == b"new"
    with pytest.raises(UpdateError):
        rig.fetcher().download_bytes(rig.server.url + PATH, len(DATA))


def test_one_connection_serves_a_whole_look(rig: Rig) -> None:
    fetcher = rig.fetcher()
    ports: set[int] = set()

    def note_port(handler: Handler, data: bytes, start: int) -> None:
        ports.add(handler.client_address[1])
        handler.say(404, b"x" * 300)

    rig.server.always[PATH] = note_port
    for _ in range(3):
        with pytest.raises(DownloadHTTPError):
            fetcher.download_bytes(rig.server.url + PATH, 10)
    assert len(ports) == 1

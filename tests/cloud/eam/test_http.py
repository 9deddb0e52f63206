"""Requests go where they are meant to, and nowhere else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cloud.eam import http
from cloud.eam.http import Address, Web, forbids, resolve
from cloud.errors import EamAccessError, EamUnavailableError
from contract.errors import ConfigError

PRIVATE = ("127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "::1", "fd00::1", "100.64.0.1")
NEVER = ("169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::")
HIDDEN = ("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::")


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_needs_the_operators_word(address: str) -> None:
    assert "set private = true" in forbids(address, is_private=False)
    assert forbids(address, is_private=True) == ""


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_reached(address: str) -> None:
    assert forbids(address, is_private=True) and forbids(address, is_private=False)


@pytest.mark.parametrize("address", HIDDEN)
def test_an_address_inside_another_is_judged(address: str) -> None:
    assert forbids(address, is_private=False)


def test_a_name_is_resolved_once_and_every_address_of_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has a good and a bad address, or another the second time, leads nowhere."""
    answers = iter([["1.1.1.1", "127.0.0.1"], ["1.1.1.1"]])

    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (each, 443)) for each in next(answers)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(EamAccessError, match=r"127\.0\.0\.1"):
        resolve("rebinding.example", 443, is_private=False)
    assert resolve("good.example", 443, is_private=False) == "1.1.1.1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "https://",
        "https://u:p@a",
        "https://a?b",
        "https://a#b",
        "https://a:99999",
        "a",
        "http://a",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Address(url)


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[Address]:
    """A server that answers once, as raw bytes."""

    def serve() -> None:
        near, _ = listener.accept()
        with near:
            near.recv(65_536)
            answer(near)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(f"http://127.0.0.1:{listener.getsockname()[1]}/base/", is_private=True)
        thread.join()


def ask(answer: bytes) -> http.Answer:
    with answering(lambda near: near.sendall(answer)) as address:
        return Web(address, {"X-Secret": "s3cr3t"}).ask("GET", "/path")


def test_a_redirection_is_not_followed() -> None:
    with pytest.raises(EamAccessError, match="elsewhere"):
        ask(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_hears_so(status: int) -> None:
    with pytest.raises(EamAccessError):
        ask(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_may_pass_may_be_tried_again(status: int) -> None:
    with pytest.raises(EamUnavailableError) as caught:
        ask(f"HTTP/1.1 {status} Later\r\nContent-Length: 6\r\n\r\ns3cr3t".encode())
    assert "s3cr3t" not in str(caught.value)


def test_an_answer_that_breaks_off_is_none() -> None:
    with pytest.raises(EamUnavailableError, match="broke off"):
        ask(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
    with pytest.raises(EamUnavailableError):
        ask(b"")


def test_an_answer_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1000)
    with pytest.raises(EamUnavailableError, match="longer than 1000"):
        ask(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)


def test_what_is_no_json_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
    with pytest.raises(EamUnavailableError, match="no JSON"):
        answer.json()

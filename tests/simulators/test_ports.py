"""A port that is held is found again by its server, and by nobody else."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from contract.errors import ConfigError
from simulators.ports import HOST, HeldPort, hold, hold_first


def test_a_server_comes_and_goes_and_finds_its_port_again() -> None:
    with closing(HeldPort()) as held:
        seen = [held.answers]
        for _ in range(2):
            with socket.create_server((HOST, held.number)) as server:
                seen.append(held.answers)
                connection, _ = server.accept()
                connection.close()
            seen.append(held.answers)
    assert seen == [False, True, False, True, False]


def test_nobody_else_gets_it_while_no_server_is_there() -> None:
    with closing(HeldPort()) as held:
        with pytest.raises(OSError, match="in use"):
            HeldPort(held.number)
        with pytest.raises(ConfigError, match=f"port {held.number} is taken"):
            hold(held.number)
        with closing(hold_first(held.number)) as next_one:
            assert next_one.number > held.number


def test_a_port_that_was_given_back_is_free_at_once() -> None:
    held = HeldPort()
    with socket.create_server((HOST, held.number)) as server:
        client = socket.create_connection((HOST, held.number))
        connection, _ = server.accept()
        connection.close()  # first, so that this side remembers it for a minute
        client.close()
    held.close()
    hold(held.number).close()


def test_a_port_on_which_somebody_listens_is_not_ours() -> None:
    with socket.create_server((HOST, 0)) as server, pytest.raises(ConfigError, match="is taken"):
        hold(server.getsockname()[1])

"""The embedded MQTT broker: what the demo and the tests connect to when nothing is installed.

Rule: it listens on loopback addresses only, because it lets everybody in. It keeps sessions, retained
messages and wills in memory: a broker that was killed starts empty, and devices deliver again what the cloud
has not acknowledged. This is the only importer of amqtt; `broker_command` runs Mosquitto instead where it is
wanted and installed.

What amqtt 0.12 does differently from MQTT 3.1.1, and what is done about it here:

- Its anonymous plugin marks clients as having no session to keep: `LoopbackOnly` admits them unmarked.
- It forgets messages that were in flight to a subscriber which disconnects, and marks those it kept for an
  absent one as retained: `_Broker` keeps the first and clears the mark of the second.
- It sends a client that comes back every retained message that anybody subscribes to: `_Broker` limits this
  to the client's own subscriptions.
- It hangs on an MQTT 5 CONNECT with a will: `_Broker` says that it speaks 3.1.1 before amqtt reads it.
- It does not repeat what a connected subscriber has not acknowledged within 5 s. The way from the broker to
  ingest may therefore lose a message; the device's outbox repeats it until the cloud acknowledges.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.errors import BrokerError as AmqttBrokerError
from amqtt.errors import MQTTError
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from contract.errors import ConfigError, IndustrialGuardError

READY_LINE = "broker ready on"
START_TIMEOUT_S = 10.0
CATCH_UP_WINDOW = 100
"""Kept messages in flight at once to a subscriber that came back."""
SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin")
"""Where Debian and Homebrew keep servers, beside the PATH."""

_CONNECT, _MQTT_311, _SPEAKS_311_ONLY = b"\x10", b"\x04", b"\x20\x02\x00\x01"

log = logging.getLogger(__name__)


class BrokerError(IndustrialGuardError):
    """The embedded broker could not start."""


class LoopbackOnly(BaseAuthPlugin):  # type: ignore[misc]
    """Admits every client; safe only because the listener is bound to a loopback address."""

    async def authenticate(self, *, session: Session) -> bool:
        """Let the session in, with a session of its own to keep."""
        session.is_anonymous = False
        return True

    @dataclass
    class Config:
        """No options."""


class _Broker(Broker):  # type: ignore[misc]
    """amqtt's broker with sessions that keep what they should."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        owners = {owner.client_id for owner, _ in self._subscriptions.get(subscription[0], ())}
        if session.client_id in owners:
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _initialize_client_session(
        self, reader: Any, writer: Any, *address: Any
    ) -> tuple[Any, Session]:
        head = await _read_head(reader)
        if head[-1:] > _MQTT_311:
            writer.write(_SPEAKS_311_ONLY)
            await writer.drain()
            await writer.close()
            raise MQTTError("it asked for a newer MQTT")
        again = _Replayed(head, reader)
        handler, session = await super()._initialize_client_session(again, writer, *address)
        stop_waiters = handler._stop_waiters

        def keep_then_stop() -> None:
            handler._stop_waiters = stop_waiters  # stopped twice, kept once
            if not session.clean_session:
                for message in session.inflight_out.values():
                    session.retained_messages.put_nowait(message)
            stop_waiters()

        handler._stop_waiters = keep_then_stop
        return handler, session

    async def _publish_session_retained_messages(self, session: Session) -> None:
        self._tasks_queue.append(asyncio.ensure_future(self._catch_up(session, self._get_handler(session))))

    async def _catch_up(self, session: Session, handler: Any) -> None:
        """Send what was kept for a session, a few at a time, as long as this connection of it lasts."""
        window = asyncio.Semaphore(CATCH_UP_WINDOW)

        def finish(task: asyncio.Task[Any]) -> None:
            window.release()
            if not task.cancelled() and task.exception() is not None:
                log.warning(
                    "a kept message was not acknowledged by %s: %s", session.client_id, task.exception()
                )

        while not session.retained_messages.empty() and self._get_handler(session) is handler:
            await window.acquire()
            message = session.retained_messages.get_nowait()
            sending = handler.mqtt_publish(message.topic, message.data, message.qos, retain=False)
            asyncio.ensure_future(sending).add_done_callback(finish)


class _Replayed:
    """A reader that gives again what was read of it."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    async def read(self, n: int) -> bytes:
        """Exactly `n` bytes, as amqtt's own."""
        taken, self._head = self._head[:n], self._head[n:]
        return taken + (await self._rest.read(n - len(taken)) if len(taken) < n else b"")


async def _read_head(reader: Any) -> bytes:
    """The beginning of a CONNECT, to the version; less of anything else."""
    head: bytes = await reader.read(1)
    length = b""
    while head == _CONNECT and len(length) < 4 and (not length or length[-1] & 0x80):
        length += await reader.read(1)
    return head + length + (await reader.read(7) if head == _CONNECT else b"")


class _OneLine(logging.Filter):
    """Keeps amqtt's log records to one line: its tracebacks are of foreseen time-outs."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True


_ONE_LINE = _OneLine()


class EmbeddedBroker:
    """A broker in a thread of this process; use as a context manager.

    Args:
        host: A loopback address.
        port: 0: a free one, see `port` after `start`.

    Raises:
        ConfigError: the host is no loopback address.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        _require_loopback(host)
        self.host = host
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BrokerError | None = None
        self._thread = threading.Thread(target=self._run, name="embedded-broker", daemon=True)

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return once the broker accepts connections.

        Raises:
            BrokerError: the port is taken, or it did not come up in time.
        """
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise BrokerError(
                f"the broker on {self.host}:{self.port} did not come up in {START_TIMEOUT_S:.0f} s"
            )
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        """Close every connection and return when the thread has ended; may be called twice."""
        if self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BrokerError as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        broker, self.port = await _start_broker(self.host, self.port)
        self._ready.set()
        await self._stop.wait()
        await _stop_broker(broker)


async def _start_broker(host: str, port: int) -> tuple[Broker, int]:
    """Start a broker in the running loop; returns it with the port it listens on."""
    logging.getLogger("amqtt").setLevel(logging.WARNING)
    logging.getLogger("amqtt.broker").addFilter(_ONE_LINE)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 0}},
        "plugins": {f"{LoopbackOnly.__module__}.{LoopbackOnly.__name__}": {}},
    }
    broker = _Broker(config)
    try:
        await broker.start()
    except AmqttBrokerError as error:
        reason = error.__cause__ or error
        raise BrokerError(
            f"the broker cannot listen on {host}:{port}: {reason}; choose another --port"
        ) from error
    sockets = broker._servers["default"].instance.sockets
    return broker, int(sockets[0].getsockname()[1])


async def _stop_broker(broker: Broker) -> None:
    await broker.shutdown()
    leftover = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in leftover:
        task.cancel()
    await asyncio.gather(*leftover, return_exceptions=True)


def broker_command(port: int, directory: Path, program: str = "embedded") -> list[str]:
    """The command line of a broker on 127.0.0.1 as a child process.

    Args:
        port: Where it listens.
        directory: Folder for its configuration file, if it needs one.
        program: `embedded`, `mosquitto`, or `auto` for Mosquitto where it is installed.

    Raises:
        ConfigError: no such program, or Mosquitto is asked for and not installed.
    """
    if program not in ("embedded", "mosquitto", "auto"):
        raise ConfigError(f"no broker {program!r}: choose embedded, mosquitto or auto")
    found = find_mosquitto() if program != "embedded" else None
    if found is None:
        if program == "mosquitto":
            raise ConfigError(
                "mosquitto is not installed: install it (apt install mosquitto) or use the embedded broker"
            )
        return [sys.executable, "-m", "simulators.broker", "--port", str(port)]
    config = directory / "mosquitto.conf"
    config.write_text(MOSQUITTO_CONFIG.format(port=port), "utf-8")
    return [found, "-c", str(config)]


MOSQUITTO_CONFIG = """\
# Written by the demo for a broker of its own; nothing outside this machine can reach it.
listener {port} 127.0.0.1
allow_anonymous true
# Only matters when started by root: a change of user would undo that the broker ends with the demo.
user root
persistence false
# Unlimited: what an ingest that is down for a while has to catch up with.
max_queued_messages 0
max_inflight_messages 1000
log_dest stderr
log_type error
log_type warning
"""


def find_mosquitto() -> str | None:
    """Path of an installed Mosquitto; None: there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SERVER_FOLDERS))
    return shutil.which("mosquitto", path=path)


def _require_loopback(host: str) -> None:
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            f"the embedded broker admits everybody, so it listens on 127.0.0.1 only, not on {host}"
        )


async def _serve_until_signal(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    broker, port = await _start_broker(host, port)
    print(f"{READY_LINE} {host}:{port}", flush=True)
    await stop.wait()
    await _stop_broker(broker)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the embedded broker until SIGTERM or Ctrl-C: `python -m simulators.broker --port 1883`."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.broker", description="The embedded MQTT broker."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="loopback address to listen on (default 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=1883, help="0: a free one; the first line printed names it"
    )
    arguments = parser.parse_args(argv)
    try:
        _require_loopback(arguments.host)
        asyncio.run(_serve_until_signal(arguments.host, arguments.port))
    except IndustrialGuardError as error:
        print(f"broker: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How the parts of a process end together."""

from __future__ import annotations

import asyncio

import pytest

from cloud.errors import LinkRefusedError, StoreError
from cloud.processes import supervise


async def work_until(stop: asyncio.Event, done: list[str], name: str) -> None:
    await stop.wait()
    await asyncio.sleep(0.01)  # the batch under way
    done.append(name)


async def serve_for_ever(done: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        done.append("service")


async def fail(error: Exception) -> None:
    await asyncio.sleep(0.01)
    raise error


async def end_at_once() -> None:
    """A part that has nothing more to do."""


def test_told_to_stop_parts_finish_before_services_end() -> None:
    done: list[str] = []

    async def main() -> None:
        stop = asyncio.Event()
        parts = [work_until(stop, done, "a"), work_until(stop, done, "b")]
        running = asyncio.create_task(supervise(parts, [serve_for_ever(done), end_at_once()], stop))
        await asyncio.sleep(0.05)
        assert not running.done()
        stop.set()
        await running

    asyncio.run(main())
    assert sorted(done[:2]) == ["a", "b"]
    assert done[2:] == ["service"]


@pytest.mark.parametrize("error", [StoreError("damaged"), LinkRefusedError("no"), ZeroDivisionError()])
@pytest.mark.parametrize("is_service", [True, False])
def test_whatever_fails_stops_everything_and_is_raised(error: Exception, is_service: bool) -> None:
    done: list[str] = []

    async def main() -> None:
        stop = asyncio.Event()
        parts, services = [work_until(stop, done, "a")], [serve_for_ever(done)]
        (services if is_service else parts).append(fail(error))
        await supervise(parts, services, stop)

    with pytest.raises(type(error)):
        asyncio.run(main())
    assert done == ["a", "service"]

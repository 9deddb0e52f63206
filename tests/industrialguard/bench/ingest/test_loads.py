"""A load that several processes share is the same load."""

from __future__ import annotations

from pathlib import Path

import pytest

from industrialguard.bench.ingest.loads import Load


@pytest.mark.parametrize("generators", [1, 2, 3], ids=str)
def test_shares_add_up_to_the_load(generators: int) -> None:
    load = Load("half", 10, 20.0, rate=50.0)
    shares = load.shares(generators)
    assert len(shares) == generators
    assert sum(share.machines for share in shares) == 10
    assert sum(share.rate or 0.0 for share in shares) == pytest.approx(50.0)
    names = [name for share in shares for name in share.devices()]
    assert names == load.devices()


def test_what_is_on_its_way_is_shared_too() -> None:
    assert [share.outstanding for share in Load("full", 4, 20.0, outstanding=5).shares(2)] == [3, 3]


def test_an_identity_is_named_only_where_there_is_one() -> None:
    load = Load("half", 1, 1.0)
    assert "--identity" not in load.command(Path("r"), None)
    assert load.command(Path("r"), Path("me"))[-2:] == ["--identity", "me"]

"""A disturbed network does each of its things as often as it is told."""

from __future__ import annotations

import pytest

from contract.errors import ConfigError
from simulators.load.disturbance import Disturbance, DisturbanceConfig


def test_shares_are_kept() -> None:
    config = DisturbanceConfig(repeated=0.1, delayed=0.2, swallowed=0.3, longest_delay_s=4.0)
    disturbance = Disturbance(config, 1)
    found = [disturbance.delays() for _ in range(20_000)]
    counts = {
        "swallowed": sum(delays == () for delays in found),
        "delayed": sum(len(delays) == 1 and delays[0] > 0 for delays in found),
        "repeated": sum(len(delays) == 2 for delays in found),
        "plain": sum(delays == (0.0,) for delays in found),
    }
    shares = {name: count / len(found) for name, count in counts.items()}
    assert shares == pytest.approx(
        {"swallowed": 0.3, "delayed": 0.2, "repeated": 0.1, "plain": 0.4}, abs=0.02
    )
    assert max(max(delays, default=0.0) for delays in found) <= 4.0


def test_the_same_seed_decides_the_same() -> None:
    one, again = (Disturbance(DisturbanceConfig.of(0.5), 3) for _ in range(2))
    assert [one.delays() for _ in range(100)] == [again.delays() for _ in range(100)]


@pytest.mark.parametrize("share", [-0.1, 1.2, float("nan")])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ConfigError):
        DisturbanceConfig.of(share)

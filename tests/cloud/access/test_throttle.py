"""How often something may be tried."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.access import throttle
from cloud.access.throttle import Throttle


@given(st.lists(st.floats(0, 10), max_size=200))
def test_never_more_than_the_burst_and_what_came_back(pauses_s: list[float]) -> None:
    burst, per_s = 3.0, 0.5
    limited, now_s, taken = Throttle(burst, per_s), 0.0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        taken += limited.take("ana", now_s)
    assert taken <= burst + now_s * per_s + 1e-6


def test_one_does_not_use_up_anothers_tries_and_success_gives_them_back() -> None:
    limited = Throttle(burst=1, per_s=0)
    assert limited.take("a", 0) and limited.take("b", 0) and not limited.take("a", 0)
    limited.forget("a")
    assert limited.take("a", 0)


def test_it_remembers_only_so_many() -> None:
    limited = Throttle(burst=1, per_s=0)
    for number in range(throttle.MOST_KNOWN + 1):
        limited.take(str(number), 0)
    assert limited.take("0", 0), "the oldest was forgotten"
    assert not limited.take(str(throttle.MOST_KNOWN), 0)

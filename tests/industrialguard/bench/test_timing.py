"""Operations take turns, and what makes them ready does not count. Nothing here asserts a real time."""

import pytest

from industrialguard.bench import timing
from industrialguard.bench.timing import Call, Effort, time_operations

TINY = Effort(repeats=2, blocks=3, block_s=0.0, least=2, most=2)


class Noted:
    """Notes in a shared diary what is done with it."""

    def __init__(self, name: str, diary: list[str]) -> None:
        self._name = name
        self._diary = diary
        self._ready = 0

    def prepare(self, count: int) -> None:
        self._ready = count

    def run(self) -> None:
        self._ready -= 1
        assert self._ready >= 0, "it was not made ready for so many runs"
        self._diary.append(self._name)


def test_operations_take_turns_after_their_warm_up() -> None:
    diary: list[str] = []
    time_operations({name: Noted(name, diary) for name in "ab"}, TINY)
    text = "".join(diary)
    warm_up, measured = text[:8], text[8:]
    assert warm_up == "aaaabbbb"
    assert measured == "aabb" * (TINY.repeats * TINY.blocks)


def test_each_repeat_gives_one_value_of_each_figure() -> None:
    (found,) = time_operations({"a": Call(lambda: sum(range(100)))}, TINY).values()
    for values in (found.p50_us, found.p99_us, found.per_core_s):
        assert len(values) == TINY.repeats
        assert all(value > 0 for value in values)


def test_figures_are_medians_tails_and_rates_of_what_the_clocks_say(monkeypatch: pytest.MonkeyPatch) -> None:
    # A run takes 1000 ns of wall time, every tenth 9000 ns; the processor worked for 500 ns of each.
    class Clocks:
        wall_ns = 0
        runs = 0

        def perf_counter_ns(self) -> int:
            return self.wall_ns

        def process_time_ns(self) -> int:
            return self.runs * 500

    clocks = Clocks()

    def run() -> None:
        clocks.runs += 1
        clocks.wall_ns += 9000 if clocks.runs % 10 == 0 else 1000

    monkeypatch.setattr(timing, "time", clocks)
    effort = Effort(repeats=2, blocks=4, block_s=20e-6, least=5, most=20)
    found = time_operations({"a": Call(run)}, effort)["a"]
    assert found.p50_us == (1.0, 1.0)
    assert found.p99_us == (9.0, 9.0)
    assert found.per_core_s == pytest.approx((2e6, 2e6))


@pytest.mark.parametrize(("block_s", "runs"), [(1.0, 7), (0.0, 2)])
def test_a_block_is_filled_within_limits(block_s: float, runs: int) -> None:
    diary: list[str] = []
    time_operations({"a": Noted("a", diary)}, Effort(repeats=1, blocks=1, block_s=block_s, least=2, most=7))
    assert len(diary) == 2 * 2 + runs

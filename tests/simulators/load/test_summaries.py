"""Summaries from templates are, byte for byte, those that the codec writes."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from contract.checks import MAX_INT63
from contract.codec import decode, encode
from contract.features import feature_specs
from contract.messages import ScoreSummary
from contract.profiles import load_profile
from simulators.load.summaries import N_FEATURES, SummaryMaker, join, make_head

PUMP = load_profile("pump")
NAMES = [spec.name for spec in feature_specs(PUMP)]
LATEST_US = 4_102_444_799_999_999


def maker(seed: int = 1) -> SummaryMaker:
    return SummaryMaker(PUMP, seed, NAMES)


@given(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?", fullmatch=True),
    st.integers(1, MAX_INT63),
    st.integers(1, MAX_INT63),
    st.integers(946_684_800_000_000, LATEST_US),
    st.integers(0, 10_000),
)
def test_the_bytes_are_those_of_the_codec(
    device_id: str, boot_id: int, sequence: int, time_us: int, seed: int
) -> None:
    head = make_head(device_id, boot_id)
    template, scores, features = maker(seed).draw()
    message = template.message(scores, features, (head, sequence, time_us))
    assert join(head, sequence, time_us, template.fill(scores, features)) == encode(message)


def test_a_summary_has_the_size_of_a_real_one_and_its_numbers_vary() -> None:
    head, drawn = make_head("a", 1), maker()
    found = [decode(join(head, n, LATEST_US - n, drawn.make())) for n in range(1, 200)]
    bodies = [message.body for message in found if isinstance(message.body, ScoreSummary)]
    assert all(len(body.features) == N_FEATURES and len(body.quality) == 6 for body in bodies)
    assert len({body.features for body in bodies}) == len(bodies)
    assert {body.regime for body in bodies} == {"full_load", "part_load"}
    assert {any(q.bad for q in body.quality) for body in bodies} == {False, True}
    assert isinstance(found[0].event_time, datetime)


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, again, other = (maker(seed).draw()[2] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

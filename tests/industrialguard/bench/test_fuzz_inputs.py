"""What strangers send is seeded and of every family."""

from __future__ import annotations

from collections import Counter

from contract.codec import MAX_MESSAGE_BYTES, decode, encode
from contract.errors import MessageError
from industrialguard.bench.fuzz_inputs import FAMILIES, FuzzInput, fuzz_inputs
from industrialguard.bench.fuzz_samples import BODIES, sample


def is_valid(fuzz: FuzzInput) -> bool:
    try:
        decode(fuzz.payload)
    except MessageError:
        return False
    return True


def test_the_same_seed_gives_the_same_topics_and_families() -> None:
    once, again = ([(i.family, i.topic) for i in fuzz_inputs(300, seed=5)] for _ in range(2))
    assert once == again
    assert once != [(i.family, i.topic) for i in fuzz_inputs(300, seed=6)]


def test_every_family_comes_and_most_of_it_is_bad() -> None:
    inputs = list(fuzz_inputs(12_000, seed=2))
    assert {i.family for i in inputs} == set(FAMILIES)
    valid = Counter(is_valid(i) for i in inputs)
    assert valid[False] > valid[True] > 1000
    assert max(len(i.payload) for i in inputs) > MAX_MESSAGE_BYTES


def test_samples_of_every_kind_are_valid() -> None:
    import random

    for kind in BODIES:
        for seed in range(50):
            message = sample(random.Random(seed), "d", 1, kind)
            assert decode(encode(message)).kind is kind

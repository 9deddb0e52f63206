"""Messages of the load fleet, without the fleet."""

from __future__ import annotations

from collections import Counter

from contract.codec import decode
from contract.topics import parse_up_topic
from industrialguard.bench.ingest.messages import device_names, make_messages

ROOT = "ig/v1"


def test_every_message_is_what_its_topic_says_and_has_a_key_of_its_own() -> None:
    messages = make_messages("bare", 500, machines=20)
    decoded = [decode(each.payload) for each in messages]
    assert len({(m.device_id, m.boot_id, m.sequence) for m in decoded}) == len(messages)
    for each, message in zip(messages, decoded, strict=True):
        origin = parse_up_topic(each.topic(ROOT))
        assert (origin.device_id, origin.kind) == (message.device_id, message.kind)
    assert Counter(m.device_id for m in decoded) == dict.fromkeys(device_names("bare", 20), 25)


def test_no_run_repeats_anothers_messages() -> None:
    one, other = ({m.payload for m in make_messages("bare", 50)} for _ in range(2))
    assert not one & other

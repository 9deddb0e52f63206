from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ota.draft import Draft
from ota.errors import RepositoryError
from ota.keys import KeyRing
from ota.proposals import describe, merge_proposal, read_proposal, sign_proposal
from ota.repository import Outcome
from ota.rotation import KeyChange
from tests.ota.plant import ONLINE, Plant


@pytest.fixture
def proposal(plant: Plant) -> Path:
    """A root with a fourth key, signed by one of the three."""
    plant.make("root-4")
    plant.rotate("root", KeyChange((plant.key("root-4"),)), "root-1")
    return plant.path / "proposed" / "root.json"


def carry(proposal: Path, to: Path) -> Path:
    to.mkdir()
    return Path(shutil.copy(proposal, to))


def accept(plant: Plant, *copies: Path) -> Outcome:
    def edit(draft: Draft) -> None:
        for copy in copies:
            merge_proposal(draft, read_proposal(copy))

    return plant.repository(*ONLINE).change(edit)


def test_copies_are_signed_apart_and_count_together(plant: Plant, proposal: Path, tmp_path: Path) -> None:
    copy = carry(proposal, tmp_path / "stick")
    sign_proposal(copy, plant.ring("root-2"))
    assert accept(plant, copy).written == ("root",)
    assert not proposal.exists()


def test_a_stick_with_the_wrong_key_counts_for_nothing(plant: Plant, proposal: Path, tmp_path: Path) -> None:
    copy = carry(proposal, tmp_path / "stick")
    sign_proposal(copy, plant.ring("targets", "pump"))
    assert accept(plant, copy).waiting[0].startswith("root 2 needs 1 more")
    assert set(read_proposal(proposal).signatures) == {plant.key("root-1").keyid}


def test_a_spoiled_signature_does_not_displace_a_good_one(
    plant: Plant, proposal: Path, tmp_path: Path
) -> None:
    copy = carry(proposal, tmp_path / "stick")
    signed = sign_proposal(copy, plant.ring("root-2"))
    signed.signatures[plant.key("root-1").keyid].signature = "00" * 64
    copy.write_bytes(signed.to_bytes())
    assert accept(plant, copy).written == ("root",)


def test_what_was_changed_on_the_way_is_not_taken(plant: Plant, proposal: Path, tmp_path: Path) -> None:
    copy = carry(proposal, tmp_path / "stick")
    changed = read_proposal(copy)
    changed.signed.roles["root"].threshold = 1
    copy.write_bytes(changed.to_bytes())
    sign_proposal(copy, plant.ring("root-2"))
    with pytest.raises(RepositoryError, match="root 2 is not what is proposed now"):
        accept(plant, copy)


def test_whoever_publishes_does_not_sign_what_waits(plant: Plant, proposal: Path) -> None:
    outcome = plant.repository().change(lambda draft: None)  # with every key at hand
    assert outcome.waiting[0].startswith("root 2 needs 1 more")
    assert proposal.exists()


def test_a_proposal_says_what_it_would_do(plant: Plant, proposal: Path) -> None:
    told = "\n".join(describe(read_proposal(proposal)))
    assert "root 2, until" in told
    assert f"signed by {plant.key('root-1').keyid[:8]}" in told
    assert plant.key("root-4").keyid[:8] in told
    plant.make("fan")
    plant.delegate("fan", "pump")
    told = "\n".join(describe(read_proposal(plant.path / "proposed" / "targets.json")))
    assert "family-fan (fan/*/*): 1 of" in told
    assert "director.json: " in told
    assert told.endswith("signed by nobody yet")


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b'{"signed": {"_type": "root"}}'])
def test_what_is_no_proposal_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RepositoryError, match=r"root\.json"):
        sign_proposal(path, KeyRing())

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from contract.errors import ConfigError
from contract.identity import IdentityFolder, client_context, explain_tls


def test_a_folder_without_a_whole_identity_says_how_to_get_one(tmp_path: Path) -> None:
    folder = IdentityFolder(tmp_path)
    for file in (folder.pair, folder.trust):
        with pytest.raises(ConfigError, match=rf"{file.name}.*industrialguard provision"):
            folder.require_whole()
        file.write_text("")
    folder.require_whole()


def test_without_an_identity_the_systems_authorities_are_trusted() -> None:
    context = client_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


@pytest.mark.parametrize(("code", "words"), [(9, "not valid yet"), (10, "no longer valid")])
def test_a_certificate_out_of_its_time_is_shown_beside_the_clock(code: int, words: str) -> None:
    error = ssl.SSLCertVerificationError("x")
    error.verify_code = code
    assert words in explain_tls(error) and "is the clock right?" in explain_tls(error)


@pytest.mark.parametrize("code", [62, 64])
def test_a_certificate_for_another_name_says_where_names_are_given(code: int) -> None:
    error = ssl.SSLCertVerificationError("x")
    error.verify_code = code
    assert "other names" in explain_tls(error) and "--host" in explain_tls(error)


def test_other_errors_speak_for_themselves() -> None:
    assert explain_tls(ConnectionRefusedError("no")) == "no"

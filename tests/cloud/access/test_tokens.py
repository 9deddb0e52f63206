"""Access tokens: believed where we signed them and while they last, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.access.tokens import ACCESS_SPAN, Signer, digest_of, format_key, new_secret, parse_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"k" * 32
SIGNER = Signer(KEY)
CLAIMS = {"iss": "industrialguard", "sub": "s", "iat": NOW, "exp": NOW + ACCESS_SPAN}


def test_a_token_lasts_a_quarter_of_an_hour() -> None:
    token = SIGNER.sign("sign-in 7", NOW)
    assert SIGNER.read(token, NOW) == "sign-in 7"
    assert SIGNER.read(token, NOW + ACCESS_SPAN - timedelta(seconds=1)) == "sign-in 7"
    assert SIGNER.read(token, NOW + ACCESS_SPAN) is None


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode(CLAIMS, "", "none"),
        jwt.encode(CLAIMS, b"other" * 8, "HS256"),
        jwt.encode(CLAIMS, KEY * 2, "HS512"),
        jwt.encode(CLAIMS | {"iss": "somebody"}, KEY, "HS256"),
        jwt.encode({k: v for k, v in CLAIMS.items() if k != "exp"}, KEY, "HS256"),
        jwt.encode({k: v for k, v in CLAIMS.items() if k != "sub"}, KEY, "HS256"),
        SIGNER.sign("s", NOW)[:-2],
        "",
    ],
    ids=["none", "other key", "other algorithm", "other issuer", "for ever", "nobody", "cut", "empty"],
)
def test_a_token_that_is_not_ours_is_nobodys(token: str) -> None:
    assert SIGNER.read(token, NOW) is None


def test_its_own_claims_are_believed() -> None:
    assert SIGNER.read(jwt.encode(CLAIMS, KEY, "HS256"), NOW) == "s"


@given(st.text(max_size=200))
def test_whatever_comes_is_read_or_nobodys(text: str) -> None:
    assert SIGNER.read(text, NOW) is None
    parsed = parse_key(text)
    assert parsed is None or format_key(*parsed) == text


def test_a_key_is_itself_again_and_its_secret_has_256_bits() -> None:
    secret = new_secret()
    assert parse_key(format_key("0a1b", secret)) == ("0a1b", secret)
    assert len(secret) >= 43 and len(digest_of(secret)) == 32
    assert parse_key(secret) is None and parse_key("ig__x") is None and parse_key("ig_x_") is None
    assert KEY.hex() not in repr(SIGNER)

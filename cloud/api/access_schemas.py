"""What the API takes and answers about sign-ins, people, keys and the audit trail, as OpenAPI describes it.

Rule: who may be called what, and have which role where, is judged by `cloud.people`, once; what stands here
only gives it a shape and words. A secret is in an answer only where it is made.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from cloud.people import Role
from cloud.store.api_keys import ApiKey

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Site = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Sites = Annotated[
    list[Site] | None,
    Field(
        default=None,
        description="Codes of the sites that it sees; null: all",
        max_length=200,
        examples=[["north"]],
    ),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SignIn(_In):
    """Who signs in."""

    name: str = Field(max_length=80, examples=["Aylin Kaya"])
    password: SecretStr = Field(max_length=128, examples=["staple battery horse"])


class Refresh(_In):
    """What is left of an earlier sign-in."""

    refresh_token: SecretStr = Field(max_length=200)


class TokensOut(BaseModel):
    """What to send from now on; the field names are those of OAuth 2.0 (RFC 6749, 5.1)."""

    access_token: str = Field(description="Send it as `Authorization: Bearer`")
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Of the access token, in s", examples=[900])
    refresh_token: str = Field(description="Counts once, for new tokens; kept secret")


class PrincipalOut(_Out):
    """Who calls."""

    name: str = Field(examples=["Aylin Kaya"])
    role: Role
    sites: Sites


class PersonIn(_In):
    """Somebody who shall be able to sign in."""

    name: Name = Field(description="As it stands in trails; never changed", examples=["Aylin Kaya"])
    role: Role = Role.VIEWER
    sites: Sites


class PersonChange(_In):
    """What somebody may do from now on."""

    role: Role
    sites: Sites
    is_active: bool = Field(default=True, description="Whether they are let in")


class PersonOut(_Out):
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role
    sites: Sites
    is_active: bool
    has_password: bool = Field(description="False: invited, and has not chosen one yet")
    made_at: datetime


class Invited(BaseModel):
    """Somebody, and how to let them in."""

    person: PersonOut
    link: str = Field(
        description="Choosing a password; works once, for three days", examples=["/password?token=…"]
    )


class PersonList(BaseModel):
    """Everybody, by name."""

    people: list[PersonOut]


class KeyIn(_In):
    """A program that shall be let in."""

    name: Name = Field(description="In trails it is `key NAME`", examples=["mes"])
    role: Role = Role.VIEWER
    sites: Sites
    expires_at: AwareDatetime | None = Field(default=None, description="Null: when it is revoked")


class KeyOut(BaseModel):
    """What is known of a key."""

    id: str
    name: str
    role: Role
    sites: Sites
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyMade(BaseModel):
    """A new key."""

    key: str = Field(description="Send it as `X-API-Key`; it is not shown again")


class KeyList(BaseModel):
    """All keys, the newest first; the revoked ones as well."""

    keys: list[KeyOut]


class AuditOut(_Out):
    """An entry of the audit trail."""

    id: int
    time: datetime
    who: str = Field(description="A person, `key NAME`, or empty: nobody who was recognised")
    what: str = Field(examples=["POST /api/v1/cases/41/close"])
    address: str
    status: int = Field(description="HTTP status of the answer", examples=[200])


class AuditPage(BaseModel):
    """The audit trail, newest first."""

    entries: list[AuditOut]
    next_before: int | None = Field(description="Give it as `before` for the next page; null on the last")


def key_out(key: ApiKey) -> KeyOut:
    """A key as it is answered."""
    sites = None if key.sites is None else sorted(key.sites)
    return KeyOut(**{name: getattr(key, name) for name in KeyOut.model_fields} | {"sites": sites})

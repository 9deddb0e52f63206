"""The tree of errors is what every package relies on."""

from __future__ import annotations

import inspect

from contract import errors
from contract.errors import IndustrialGuardError, MessageError

TREE: list[type[IndustrialGuardError]] = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, IndustrialGuardError)
]


def test_every_error_hangs_under_the_root() -> None:
    assert len(TREE) > 8
    assert len(TREE) == len(inspect.getmembers(errors, inspect.isclass))
    assert not issubclass(IndustrialGuardError, ValueError | OSError)


def test_every_error_explains_itself_and_ends_the_command_in_its_own_way() -> None:
    assert all(inspect.getdoc(cls) for cls in TREE)
    assert all(0 < cls.exit_code < 128 for cls in TREE)
    families = [cls for cls in TREE if cls.__bases__ == (IndustrialGuardError,)]
    codes = [cls.exit_code for cls in families]
    assert len(set(codes)) == len(codes)


def test_only_an_enrolment_that_nobody_answers_gets_better_by_trying_again() -> None:
    assert {cls.__name__ for cls in TREE if cls.retriable} == {"EnrolmentUnavailableError"}


def test_what_ingest_catches_is_every_way_a_message_can_be_wrong() -> None:
    names = {cls.__name__ for cls in TREE if issubclass(cls, MessageError)}
    assert names == {"MessageError", "DecodeError", "SchemaVersionError", "InvalidMessageError", "TopicError"}

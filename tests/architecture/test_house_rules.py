"""The project's code keeps the house rules; each failure lists every offender at once."""

from collections.abc import Callable

import pytest

from tests.architecture import rules
from tests.architecture.source_tree import PACKAGES, SourceFile, project_files, source_files
from tests.conftest import PROJECT_ROOT

# Put together from parts, because this file is searched too.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
        ("cdnjs", "cloudflare"),
        ("crates", "io"),
        ("proxy", "golang"),
        ("maven", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("gcr", "io"),
        ("conda", "anaconda"),
    )
)


@pytest.mark.parametrize(
    "rule",
    [
        rules.find_strangers,
        rules.find_long_functions,
        rules.find_wide_functions,
        rules.find_long_file,
        rules.find_swallowing,
        rules.find_undocumented,
    ],
    ids=lambda rule: rule.__name__.removeprefix("find_"),
)
def test_source_keeps_the_rule(rule: Callable[[SourceFile], list[str]]) -> None:
    assert list_findings(rule, source_files()) == ""


def test_the_contract_is_plain() -> None:
    assert list_findings(rules.find_contract_imports, source_files("contract")) == ""


@pytest.mark.parametrize(
    "rule", [rules.find_long_functions, rules.find_long_file], ids=["functions", "files"]
)
def test_tests_and_tools_stay_readable_too(rule: Callable[[SourceFile], list[str]]) -> None:
    assert list_findings(rule, source_files("tests", "tools")) == ""


def test_every_package_is_seen() -> None:
    assert {source.path.partition("/")[0] for source in source_files()} == set(PACKAGES)


def test_named_supervisors_exist() -> None:
    functions = {f"{source.path}:{name}" for source in source_files() for name, _, _ in source.functions()}
    assert sorted(set(rules.SUPERVISORS) - functions) == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    # Whoever installs decides where from: a mirror, a cache, a folder of wheels.
    needle = host.encode()
    assert [name for name in project_files() if needle in (PROJECT_ROOT / name).read_bytes()] == []


def list_findings(rule: Callable[[SourceFile], list[str]], sources: tuple[SourceFile, ...]) -> str:
    """Join every finding of a rule into one text, so that a failure shows them all."""
    return "\n".join(finding for source in sources for finding in rule(source))

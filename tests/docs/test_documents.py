"""The documents are true: links lead somewhere, commands and options exist, the promised words are there."""

import functools
import importlib.util
import io
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from industrialguard.__main__ import main
from industrialguard.commands import COMMANDS, Command
from tests.conftest import PROJECT_ROOT
from tests.docs.documents import Document, find_commands, project_documents, read_document, slugify

DOCUMENTS = project_documents()
README = read_document(PROJECT_ROOT / "README.md", "README.md")
MAKEFILE = (PROJECT_ROOT / "Makefile").read_text()
WORDS = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
COMMAND_NAMES = {command.name for command in COMMANDS}
FLAG = re.compile(r"--?[A-Za-z][\w-]*")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.path)


@every_document
def test_relative_links_lead_somewhere(document: Document) -> None:
    assert [target for target in document.links() if not resolves(document, target)] == []


@every_document
def test_commands_exist(document: Document) -> None:
    assert sorted(document.named("industrialguard") - COMMAND_NAMES - {"help"}) == []


@every_document
def test_make_words_exist(document: Document) -> None:
    named = document.named("make")
    assert sorted(named - WORDS) == []


@every_document
def test_options_in_shell_blocks_exist(document: Document) -> None:
    wrong = [
        f"industrialguard {' '.join(line)}: no {flag}"
        for line in document.commands("industrialguard")
        for flag in sorted(unknown_flags(line))
    ]
    assert wrong == []


def test_the_demo_options_passed_through_make_exist() -> None:
    wrong = [
        f"{document.path}: make demo {flag}"
        for document in DOCUMENTS
        for line in document.commands("make")
        if line[:1] == ["demo"]
        for flag in sorted(
            unknown_flags(["demo", *" ".join(line[1:]).removeprefix("ARGS=").strip("\"'").split()])
        )
    ]
    assert wrong == []


@pytest.mark.parametrize("word", ["demo", "test"])
def test_the_readme_states_the_two_commands(word: str) -> None:
    assert word in [line[0] for line in README.commands("make") if line]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"])
def test_the_readme_leads_to_the_other_documents(name: str) -> None:
    assert name in {target.partition("#")[0] for target in README.links()}


def test_every_word_of_the_makefile_explains_itself() -> None:
    explained = set(re.findall(r"^([a-z]+):.*## \S", MAKEFILE, flags=re.MULTILINE))
    assert explained == WORDS
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, flags=re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == WORDS


def test_the_changelog_has_the_version_of_pyproject() -> None:
    version = re.search(
        r'^version = "(.+)"$', (PROJECT_ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE
    )
    assert version is not None
    assert re.search(
        rf"^## \[{re.escape(version[1])}\]", (PROJECT_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )


def test_decision_records_are_numbered_without_gaps_and_say_what_they_cost() -> None:
    records = sorted((PROJECT_ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        assert re.search(r"cost", path.read_text(), re.IGNORECASE), f"{path.name} does not say what it costs"


def resolves(document: Document, target: str) -> bool:
    """Whether a relative link's file exists and, for Markdown, its fragment is a heading there."""
    name, _, fragment = target.partition("#")
    path = (PROJECT_ROOT / document.path).parent / name if name else PROJECT_ROOT / document.path
    if not path.exists() or not path.resolve().is_relative_to(PROJECT_ROOT):
        return False
    if not fragment or path.suffix != ".md":
        return True
    return fragment in read_document(path, str(path)).anchors()


def unknown_flags(line: list[str]) -> set[str]:
    """List the options of a command line that the command's own help does not know."""
    flags = {found[0] for word in line[1:] if (found := FLAG.match(word))} - {"--help", "-h"}
    if not flags or line[0] not in COMMAND_NAMES:
        return set()
    known = set(FLAG.findall(help_text(line[0])))
    if len(line) > 1 and re.fullmatch(r"[a-z][a-z-]*", line[1]):
        known |= set(FLAG.findall(help_text(line[0], line[1])))
    return flags - known


@functools.cache
def help_text(*words: str) -> str:
    """Ask a command for its help, as wide as it needs; nothing when it has none."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(io.StringIO()):
        patch.setenv("COLUMNS", "200")
        try:
            code = main([*words, "--help"])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return said.getvalue() if code == 0 else ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(command: Command) -> None:
    if importlib.util.find_spec(command.module) is None:
        pytest.skip(f"this version has no {command.module}")
    assert "usage:" in help_text(command.name)


def sample(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "sample.md"
    path.write_text(text)
    return read_document(path, "docs/sample.md")


def test_links_are_found_outside_code_only(tmp_path: Path) -> None:
    document = sample(
        tmp_path,
        "[a](../README.md#x) ![b](<b c.png>) `[c](c.md)` [d](https://example.com) [e][1]\n"
        "<img src='f.svg'> [g [h]](i(1).md 'title')\n\n[1]: e.md\n\n```\n[z](z.md)\n```\n",
    )
    assert set(document.links()) == {"../README.md#x", "b c.png", "e.md", "f.svg", "i(1).md"}


def test_dead_links_are_seen(tmp_path: Path) -> None:
    document = sample(tmp_path, "# Only one\n")
    assert not resolves(document, "no-such-file.md")
    assert not resolves(document, "../../outside.md")
    assert resolves(document, "../Makefile#anything")
    assert not resolves(document, "../CHANGELOG.md#no-such-heading")


def test_headings_become_anchors(tmp_path: Path) -> None:
    document = sample(tmp_path, "# A `b` c!\n## Same\n## Same\n```sh\n# no heading\n```\n")
    assert document.anchors() == {"a-b-c", "same", "same-1"}
    assert slugify("What is it?") == "what-is-it"


def test_commands_are_found_in_shell_blocks_only(tmp_path: Path) -> None:
    document = sample(
        tmp_path,
        "`industrialguard cloud` and\n```sh\n"
        "$ X=1 .venv/bin/industrialguard agent --a \\\n  --b | tee x  # say --c\n"
        "echo industrialguard nothing\n```\n```python\nindustrialguard bench\n```\n",
    )
    assert list(document.commands("industrialguard")) == [["agent", "--a", "--b"]]
    assert document.named("industrialguard") == {"agent", "cloud"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make", [[]]),
        ("cd x && make test", [["test"]]),
        ("make check && make test", [["check"], ["test"]]),
        ("remake it", []),
        ("# make demo", []),
    ],
)
def test_find_commands(text: str, expected: list[list[str]]) -> None:
    assert list(find_commands(text, "make")) == expected


def test_an_option_that_does_not_exist_is_seen() -> None:
    known = next((c.name for c in COMMANDS if importlib.util.find_spec(c.module)), None)
    if known is None:
        pytest.skip("this version has no command yet")
    assert unknown_flags([known, "--no-such-option-here=1", "--help"]) == {"--no-such-option-here"}


def test_every_vendored_work_is_credited_and_brings_its_licence() -> None:
    folders = sorted(path for path in (PROJECT_ROOT / "cloud/web/static/vendor").glob("*") if path.is_dir())
    credits = (PROJECT_ROOT / "THIRD_PARTY.md").read_text()
    assert [path.name for path in folders if f"/vendor/{path.name}/`" not in credits] == []
    assert [path.name for path in folders if not (path / "LICENSE").is_file()] == []

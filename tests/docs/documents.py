"""Reads Markdown as far as the checks need it: links, headings, and the command lines of code blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source_tree import project_files
from tests.conftest import PROJECT_ROOT

FENCE = re.compile(r"^ *(```+|~~~+) *([\w+-]*)")
INLINE_CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"!?\[(?:[^][]|\[[^]]*\])*\]\((?P<inline><[^>]+>|[^()\s]+(?:\([^()]*\)[^()\s]*)?)[^)]*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^]]+\]: *(?P<target>\S+)", re.MULTILINE)
HTML_TARGET = re.compile(r"""<(?:a|img|source)\b[^>]*?(?:href|src|srcset)=["'](?P<target>[^"']+)["']""")
HEADING = re.compile(r"^ {0,3}#{1,6} +(?P<text>.+?) *#* *$", re.MULTILINE)
JOINTS = frozenset(("|", "||", "&&", ";", "&"))
SHELL = frozenset(("sh", "shell", "bash", "console"))


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        language: The word after the fence, or nothing.
        text: Its lines.
    """

    language: str
    text: str


@dataclass(frozen=True)
class Document:
    """One Markdown file.

    Attributes:
        path: Relative to the project's root.
        prose: Its text without code blocks.
        blocks: Its code blocks.
    """

    path: str
    prose: str
    blocks: tuple[Block, ...]

    def links(self) -> Iterator[str]:
        """Yield every target that is not an address of the web or of mail."""
        text = INLINE_CODE.sub("", self.prose)
        targets = [found["inline"].strip("<>") for found in LINK.finditer(text)]
        for pattern in (REFERENCE, HTML_TARGET):
            targets += [found["target"] for found in pattern.finditer(text)]
        yield from (target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target))

    def anchors(self) -> set[str]:
        """Collect the fragments that its headings can be reached by."""
        seen: dict[str, int] = {}
        anchors = set()
        for found in HEADING.finditer(self.prose):
            slug = slugify(found["text"])
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    def commands(self, program: str) -> Iterator[list[str]]:
        """Yield the words after a program's name, for each time a shell block runs it."""
        for block in self.blocks:
            if block.language in SHELL:
                yield from find_commands(block.text, program)

    def named(self, program: str) -> set[str]:
        """Collect the words that follow a program's name in inline code or shell blocks."""
        spans = [found[0].strip("`") for found in INLINE_CODE.finditer(self.prose)]
        lines = [line for span in spans for line in find_commands(span, program)]
        lines += self.commands(program)
        return {line[0] for line in lines if line and re.fullmatch(r"[a-z][a-z-]*", line[0])}


def read_document(path: Path, name: str) -> Document:
    """Split a Markdown file into prose and code blocks."""
    prose: list[str] = []
    blocks: list[Block] = []
    inside: list[str] = []
    fence, language = "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = FENCE.match(line)
        if fence:
            if found and found[1].startswith(fence) and not found[2]:
                blocks.append(Block(language, "\n".join(inside)))
                fence, inside = "", []
            else:
                inside.append(line)
        elif found:
            fence, language = found[1], found[2]
        else:
            prose.append(line)
    return Document(name, "\n".join(prose), tuple(blocks))


def project_documents() -> list[Document]:
    """Read every Markdown file of the project."""
    return [read_document(PROJECT_ROOT / name, name) for name in project_files() if name.endswith(".md")]


def slugify(heading: str) -> str:
    """Turn a heading into the fragment that code hosts make of it.

    >>> slugify("Two commands: `make demo` & more")
    'two-commands-make-demo--more'
    """
    text = re.sub(r"[^\w\- ]", "", heading.lower())
    return text.strip().replace(" ", "-")


def find_commands(text: str, program: str) -> Iterator[list[str]]:
    """Find each run of a program in shell text; comments, prompts and what follows a pipe are left out.

    >>> list(find_commands("$ make demo ARGS=x   # a comment", "make"))
    [['demo', 'ARGS=x']]
    """
    for line in text.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).split()
        for position, word in enumerate(words):
            if word.rpartition("/")[2] == program and is_command_position(words[:position]):
                rest = words[position + 1 :]
                stops = JOINTS | {">", "2>"}
                end = next((at for at, mark in enumerate(rest) if mark in stops), None)
                yield rest[:end]


def is_command_position(before: list[str]) -> bool:
    """Whether the next word would be run: nothing before it but prompts, settings and joints.

    >>> is_command_position(["$", "CI=1"]), is_command_position(["cd", "x", "&&"])
    (True, True)
    >>> is_command_position(["use"])
    False
    """
    for word in reversed(before):
        if word in JOINTS | {"$", "sudo", "time", "exec"}:
            return True
        if not re.match(r"[A-Za-z_]\w*=", word):
            return False
    return True

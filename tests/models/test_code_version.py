"""The code that made a model is named, from a checkout and without one."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import pytest

from models.code_version import find_code_version
from tests.conftest import require


def test_outside_git_it_is_the_version(tmp_path: Path) -> None:
    assert find_code_version(tmp_path) == importlib.metadata.version("industrialguard")


def test_a_checkout_names_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    git = shutil.which("git")
    require(git is not None, "git is not installed")

    def run(*words: str) -> str:
        line = [str(git), "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q")
    (tmp_path / "a.txt").write_text("1")
    run("add", "a.txt")
    run("commit", "-qm", "first")
    run("tag", "v1")  # a tag is not a commit
    commit = run("rev-parse", "HEAD")
    assert find_code_version(tmp_path) == commit
    (tmp_path / "a.txt").write_text("2")
    assert find_code_version(tmp_path) == f"{commit}-dirty"


def test_without_git_it_is_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_code_version(tmp_path) == importlib.metadata.version("industrialguard")

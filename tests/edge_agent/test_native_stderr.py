"""Chatter of native code is held back, everything else comes through, whoever wrote it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.native_stderr import without_native_chatter

FILES = Path("/proc/self/fd")


def test_information_is_held_back_and_the_rest_passes(capfd: pytest.CaptureFixture[str]) -> None:
    with without_native_chatter():
        os.write(2, b"INFO: a delegate was created\nERROR: out of memory\n")
        os.write(2, b'{"level": "info"}\n')
    os.write(2, b"INFO: afterwards\n")
    assert capfd.readouterr().err == 'ERROR: out of memory\n{"level": "info"}\nINFO: afterwards\n'


def test_what_was_said_before_an_error_passes_too(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no model"), without_native_chatter():
        os.write(2, b"ERROR: not a flatbuffer\n")
        raise ValueError("no model")
    assert capfd.readouterr().err == "ERROR: not a flatbuffer\n"


def test_blocks_of_several_threads_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        for _ in range(50):
            with without_native_chatter():
                os.write(2, b"INFO: chatter\nwarning\n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"the end\n")
    assert capfd.readouterr().err == "warning\n" * 200 + "the end\n"


def test_no_file_descriptor_is_left_open() -> None:
    before = len(list(FILES.iterdir()))
    for _ in range(10):
        with without_native_chatter():
            pass
    assert len(list(FILES.iterdir())) == before


def test_a_process_without_stderr_is_left_alone() -> None:
    code = (
        "import os; os.close(2); import sys; sys.stderr = None\n"
        "from edge_agent.native_stderr import without_native_chatter as quiet\n"
        "with quiet(): print('ran')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"

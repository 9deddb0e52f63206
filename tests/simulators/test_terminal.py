import pytest

from simulators.terminal import Progress, Terminal, format_duration, format_progress


def progress(machine_s: float = 60.0, total_s: float | None = 600.0, offline: int = 0) -> Progress:
    return Progress(
        wall_s=3.0,
        machine_s=machine_s,
        machine_total_s=total_s,
        machines=16,
        offline=offline,
        messages_stored=1234,
        messages_per_s=20.0,
        windows=99,
        open_alerts=1,
        memory_bytes=430_000_000,
    )


def test_the_line_says_what_a_person_wants_to_know() -> None:
    line = format_progress(progress(offline=2))

    for part in (
        "1 min 00 s",
        "16 machines (2 offline)",
        "20 messages/s",
        "99 windows",
        "1 open alert ",
        "430 MB",
    ):
        assert part in line


def test_time_left_follows_from_the_pace_so_far() -> None:
    assert progress().eta_s == pytest.approx(27.0)
    assert progress(machine_s=700.0).eta_s == 0.0
    assert progress(machine_s=0.0).eta_s is None
    assert progress(total_s=None).eta_s is None
    assert "left" not in format_progress(progress(total_s=None))


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (59.6, "1 min 00 s"), (3600, "1 h 00 min")])
def test_durations(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_off_a_terminal_lines_are_plain_and_few(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal() as terminal:
        terminal.say("pump-02: looks like bearing damage")
        for _ in range(10):
            terminal.show(progress())

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pump-02: looks like bearing damage"
    assert len(lines) <= 2
    assert "\x1b" not in "".join(lines)

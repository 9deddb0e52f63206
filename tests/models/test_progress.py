import io

from models.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_that_changes() -> None:
    screen = Terminal()
    progress = Progress("reading", 3, screen)
    for done in (1, 2, 3):
        progress.advance(done, "m")
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().count("\r") == 3
    assert "reading 2/3  m  0 s left" in screen.getvalue()


def test_a_file_sees_the_end_and_little_else() -> None:
    log = io.StringIO()
    progress = Progress("reading", 1000, log)
    for done in range(1, 1001):
        progress.advance(done)
    assert log.getvalue().splitlines()[-1] == "reading 1000/1000"
    assert len(log.getvalue().splitlines()) < 20


def test_the_first_part_is_no_measure_for_the_rest() -> None:
    screen = Terminal()
    Progress("reading", 3, screen).advance(1)
    assert "left" not in screen.getvalue()


def test_a_step_may_end_early() -> None:
    log = io.StringIO()
    Progress("training", 10, log).finish("best was 3")
    assert log.getvalue() == "training: best was 3, 0 s\n"

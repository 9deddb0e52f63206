"""Entry point: `industrialguard <command> …`.

Rule: every failure a person can act on leaves here as one line on stderr and a non-zero exit code; anything
else is a defect of ours and keeps its traceback.
"""

import argparse
import difflib
import importlib.metadata
import os
import sys
from collections.abc import Sequence

from contract.errors import ConfigError, IndustrialGuardError
from industrialguard.commands import (
    COMMANDS,
    PARTS,
    Command,
    is_third_party,
    load_command,
    missing_extra,
)

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE

EXAMPLES = """\
examples:
  industrialguard demo --machines 20 --speed 20      a fleet, its cloud and its page on this machine
  industrialguard agent --help                       how a device is pointed at its sensors and broker
  industrialguard simulate --help                    seeded machines and recordings as sensors

`industrialguard COMMAND --help` explains each command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: Arguments without the program's name; the process's own when None.

    Returns:
        The exit code: 0 for success, 2 for a wrong command line or a missing extra, the error's own
        `exit_code` for a failure that was foreseen, 130 after an interrupt, 141 when the reader of our output
        went away.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except IndustrialGuardError as error:
        _print_failure(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        if _is_stdout_alive():
            raise
        return EXIT_BROKEN_PIPE
    return code


def run_command(command: Command, arguments: Sequence[str]) -> int:
    """Load and run one row of the command table.

    Raises:
        MissingExtraError: A third-party package is not installed, seen before or while the command ran.
        UnavailableCommandError: This version does not have the command.
    """
    try:
        return load_command(command)(arguments)
    except ModuleNotFoundError as error:
        if error.name is None or not is_third_party(error.name):
            raise
        raise missing_extra(command, [error.name]) from error


def find_command(name: str, commands: Sequence[Command] = COMMANDS) -> Command:
    """Look a subcommand up by name.

    Raises:
        ConfigError: There is no such command; the message names the nearest one.
    """
    by_name = {command.name: command for command in commands}
    if name in by_name:
        return by_name[name]
    kind = "option" if name.startswith("-") else "command"
    nearest = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(by_name)}"
    raise ConfigError(f"there is no {kind} {name!r}; {hint}")


def build_parser(commands: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """Build the parser of what stands before the subcommand's own arguments; it also writes the help text."""
    rows = (*commands, *PARTS)
    width = max(len(command.name) for command in rows)
    table = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in rows)
    parser = argparse.ArgumentParser(
        prog="industrialguard",
        usage="industrialguard [--help] [--version] COMMAND ...",
        description="Edge-to-cloud predictive maintenance.",
        epilog=f"commands:\n{table}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"industrialguard {version()}")
    return parser


def version() -> str:
    """Return the installed version, or `unknown` when the code runs without having been installed."""
    try:
        return importlib.metadata.version("industrialguard")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _dispatch(arguments: Sequence[str]) -> int:
    parser = build_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return EXIT_USAGE
    if arguments[0] in {"-h", "--help", "-V", "--version"}:
        try:
            parser.parse_args(arguments[:1])
        except SystemExit as finished:  # argparse prints, then leaves; the flush is still ours to do
            return int(finished.code or 0)
    part = next((part for part in PARTS if part.name == " ".join(arguments[:2])), None)
    if part is not None:
        return run_command(part, arguments[2:])
    return run_command(find_command(arguments[0]), arguments[1:])


def _print_failure(error: IndustrialGuardError) -> None:
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"industrialguard: {message}", file=sys.stderr)


def _is_stdout_alive() -> bool:
    """Whether stdout still has a reader; when it has none, point it at nothing so that exit stays quiet.

    An unbuffered stream keeps nothing that a flush could fail on, so a newline is tried; where it arrives, it
    stands before the traceback of the broken pipe that was not ours.
    """
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

"""The table of subcommands, and the way from a name to a function that runs it.

Rule: a subcommand is known by its table row alone; its module is imported only after the packages that it
needs were seen to be installed, so that a missing extra is one clear line and never a half-started program.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.errors import ConfigError

OWN_PACKAGES = frozenset(
    ("cloud", "contract", "edge_agent", "industrialguard", "models", "ota", "simulators")
)

CommandMain = Callable[[Sequence[str]], int]


class MissingExtraError(ConfigError):
    """A subcommand was asked for whose optional dependencies are not installed."""


class UnavailableCommandError(ConfigError):
    """A subcommand has a name already, but this version does not bring its module."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand.

    Attributes:
        name: What is typed after `industrialguard`.
        module: Dotted name of the module whose `main(argv) -> int` runs it.
        extra: The optional dependency group that it needs, as named in pyproject.toml.
        summary: One line for `--help`.
        probes: Import names that are absent when the extra is not installed; looked for, never imported.
    """

    name: str
    module: str
    extra: str
    summary: str
    probes: tuple[str, ...] = ()


COMMANDS = (
    Command(
        "demo",
        "simulators.demo",
        "demo",
        "run a whole fleet on this machine: devices, broker, cloud and page",
        ("amqtt", "fastapi", "paho", "rich", "sqlmodel"),
    ),
    Command("agent", "edge_agent.__main__", "edge", "watch one machine, as it runs on a device", ("paho",)),
    Command(
        "provision",
        "edge_agent.provision",
        "identity",
        "give a device its own key and certificate",
        ("cryptography",),
    ),
    Command(
        "cloud",
        "cloud.__main__",
        "cloud",
        "receive, store and show what the devices send",
        ("cryptography", "fastapi", "paho", "sqlmodel", "uvicorn"),
    ),
    Command(
        "simulate",
        "simulators.__main__",
        "demo",
        "play seeded machines and recordings as if they were sensors",
        ("paho",),
    ),
    Command(
        "train",
        "models.__main__",
        "train",
        "train the model of a machine profile, or forecasts of remaining life",
        ("tensorflow", "tf_keras"),
    ),
    Command(
        "bench",
        "industrialguard.bench.__main__",
        "train",
        "measure models and agent beside simple baselines",
        ("ai_edge_litert", "paho"),
    ),
    Command(
        "ota",
        "ota.__main__",
        "ota",
        "sign and publish model releases",
        ("bsdiff4", "cryptography", "securesystemslib", "tuf"),
    ),
)

PARTS = (
    Command(
        "agent slots",
        "edge_agent.slots_command",
        "edge",
        "look at a device's models, or take the newest one back",
    ),
    Command(
        "agent repaired",
        "edge_agent.repair",
        "edge",
        "say that a machine was repaired: its alarm is over, and it is learned anew",
    ),
    Command(
        "train snapshot",
        "industrialguard.snapshot_command",
        "train",
        "write the lives of a data set as a training snapshot",
        ("pyarrow",),
    ),
    Command(
        "train continuous",
        "industrialguard.continuous_command",
        "pipeline",
        "train a forecast again when its age, new failures, drift or live errors ask for it",
        ("pyarrow", "sqlmodel", "tfx"),
    ),
)
"""Two words typed one after the other, where the second one's work is not the first one's package's."""


def load_command(command: Command) -> CommandMain:
    """Import a subcommand's module and return its `main`.

    Args:
        command: A row of the table.

    Returns:
        The function that takes the remaining arguments and returns an exit code.

    Raises:
        MissingExtraError: A package of the command's extra is not installed.
        UnavailableCommandError: This version does not have the module.
    """
    if not _is_present(command.module):
        raise UnavailableCommandError(
            f"this version does not have the command {command.name!r} ({command.summary}); "
            "see CHANGELOG.md for what each version brings"
        )
    missing = [probe for probe in command.probes if importlib.util.find_spec(probe) is None]
    if missing:
        raise missing_extra(command, missing)
    main: CommandMain = importlib.import_module(command.module).main
    return main


def missing_extra(command: Command, modules: Sequence[str]) -> MissingExtraError:
    """Build the one line that says which extra is missing and how to install it."""
    names = ", ".join(modules)
    return MissingExtraError(
        f"`industrialguard {command.name}` needs the extra {command.extra!r} (not installed: {names}); "
        f"install it with: pip install 'industrialguard[{command.extra}]'"
    )


def is_third_party(module: str | None) -> bool:
    """Whether an import name belongs to somebody else's package: neither ours nor the standard library's.

    >>> is_third_party("tensorflow.lite"), is_third_party("edge_agent.agent"), is_third_party("json")
    (True, False, False)
    """
    root = (module or "").partition(".")[0]
    return bool(root) and root not in OWN_PACKAGES and root not in sys.stdlib_module_names


def _is_present(module: str) -> bool:
    """Whether the module's file exists, found through its package alone."""
    return importlib.util.find_spec(module) is not None

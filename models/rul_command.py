"""`industrialguard train rul`: from lives to one file that forecasts remaining life.

Rule: what was typed and what is on disk are looked at before TensorFlow is loaded, and the file is written
only after its serving runtime gave the network's own answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import ConfigError, DataError
from contract.lives import Life, LifeSpec
from contract.rul_bundle import write_rul_bundle
from contract.snapshot import Split
from models.code_version import find_code_version
from models.errors import TooLittleDataError
from models.forecast.figures import format_figures
from models.lives import FORMATS, open_lives
from models.lives.life_set import ALL
from models.lives.load_clock import LoadClock
from models.snapshot import read_snapshot

if TYPE_CHECKING:
    from models.forecast.choose import Chosen
    from models.forecast.ensemble import Ensemble
    from models.forecast.train import TrainSpec

EXAMPLES = """\
examples:
  industrialguard train rul --dataset cmapss --data ../data/cmapss --subset FD001 --out fd001.igr
  industrialguard train rul --dataset cmapss --data ../data/cmapss --group FD001 --out fd001.igr
  industrialguard train rul --dataset own --data line3 --out line3.igr --plot line3.png
  industrialguard train rul --snapshot snapshots/turbofan --out turbofan.igr

Progress goes to stderr, what was measured to stdout. The file is one model; `industrialguard train pipeline`
also judges it, keeps its lineage, and puts it in charge of the cloud's forecasts.
"""
PICTURES = (".pdf", ".png", ".svg")
N_SHOWN = 6
"""Machines in the picture."""


@dataclass(frozen=True, slots=True)
class RulRequest:
    """What `train rul` was asked for.

    Raises:
        ConfigError: files that cannot be written, or would be written over.
    """

    out: Path
    """The bundle to write."""
    snapshot: Path | None = None
    """Folder of a snapshot; None: `dataset`."""
    dataset: str = ""
    """`scheme:place`"""
    subset: str = ALL
    group: str = ""
    """Whose machines it is for, after all lives taught; empty: for all alike."""
    seed: int = 0
    plot: Path | None = None

    def __post_init__(self) -> None:
        for option, path in (("--out", self.out), ("--plot", self.plot)):
            if path is not None and not path.parent.is_dir():
                raise ConfigError(f"{option} {path}: there is no folder {path.parent}; make it first")
        if self.out.exists():
            raise ConfigError(f"--out {self.out}: exists; a trained model is not written over, name another")
        if self.plot is not None and self.plot.suffix not in PICTURES:
            raise ConfigError(f"--plot {self.plot}: a picture ends in one of {', '.join(PICTURES)}")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The lives that a forecast is made of."""

    spec: LifeSpec
    name: str
    """Where they come from, for people and for lineage."""
    train: Sequence[Life] = field(repr=False)
    calibrate: Sequence[Life] = field(default=(), repr=False)
    """Of other machines, for the intervals; none: each fold serves for the networks that left it out."""
    unseen: Sequence[Life] = field(default=(), repr=False)
    """Of machines that stay out of everything; none: each fold serves here, too."""
    notes: Sequence[str] = ()
    """What a person should know of them."""
    clock: LoadClock = field(default=LoadClock())
    """What wears these components."""
    group: str = ""
    """Whose machines the forecast is for; empty: all."""

    @property
    def label(self) -> str:
        """What is being trained."""
        return f"{self.spec.machine_type}, {len(self.train)} lives"

    def meant(self, lives: Sequence[Life]) -> list[Life]:
        """Those of the machines that the forecast is for."""
        return [life for life in lives if not self.group or life.group.lower() == self.group.lower()]


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    train_rul(parse_request(arguments))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; needs no TensorFlow."""
    formats = "\n".join(f"  {name:<8}{each.summary}" for name, each in FORMATS.items())
    parser = argparse.ArgumentParser(
        prog="industrialguard train rul",
        description="Train the forecast of a machine type's remaining useful life and write it as one file.",
        epilog=f"data sets:\n{formats}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--snapshot", type=Path, metavar="DIR", help="learn from its train side, calibrate on its own side"
    )
    source.add_argument("--dataset", choices=sorted(FORMATS), help="learn from all lives of it, see below")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set's files")
    parser.add_argument("--subset", metavar="NAME", help="only this group of a data set's lives")
    parser.add_argument(
        "--group",
        metavar="NAME",
        help="learn from all lives, then go on with those of one group, such as a site, to forecast it",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the bundle to write (.igr), a new file"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of all that is random (default 0)"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw forecasts over whole lives by networks that did not learn from them, beside the truth",
    )
    return parser


def parse_request(arguments: argparse.Namespace) -> RulRequest:
    """What the command line asks for.

    Raises:
        ConfigError: options that do not belong together, or as `RulRequest`.
    """
    if arguments.snapshot is not None:
        for option in ("data", "subset"):
            if getattr(arguments, option) is not None:
                raise ConfigError(f"--{option} belongs to --dataset; a snapshot is learned from as it is")
        return RulRequest(
            arguments.out,
            arguments.snapshot,
            group=arguments.group or "",
            seed=arguments.seed,
            plot=arguments.plot,
        )
    if arguments.subset is not None and arguments.group is not None:
        raise ConfigError(
            "--subset learns from one group alone, --group from all of them: give one of the two"
        )
    if arguments.data is None:
        raise ConfigError(f"--dataset {arguments.dataset} needs --data DIR, the folder of its files")
    return RulRequest(
        out=arguments.out,
        dataset=f"{arguments.dataset}:{arguments.data}",
        subset=arguments.subset or ALL,
        group=arguments.group or "",
        seed=arguments.seed,
        plot=arguments.plot,
    )


def train_rul(request: RulRequest, spec: TrainSpec | None = None) -> None:
    """Train, prove, write and tell.

    Args:
        request: What.
        spec: How, but for the seed; None: as suits so many machines.

    Raises:
        DataError: lives that cannot be read, or too few.
        BundleError: the exported file does not answer like the network, or cannot be written.
        ConfigError: the picture cannot be written.
    """
    source = read_source(request)
    from models.forecast.choose import spec_for, train_best
    from models.forecast.release import build_bundle
    from models.forecast.serving import require_golden
    from models.forecast.train import Material
    from models.forecast.watching import watch_training

    spec = replace(spec or spec_for(source.train), seed=request.seed)
    started = datetime.now(UTC)
    material = Material(source.spec, source.train, source.calibrate)
    watch = watch_training(source.label, source.train, spec)
    if source.group:
        require_tunable(source)
    choice = train_best(material, source.clock, spec, watch)
    best = tune(source, choice.network, spec) if source.group else choice.best
    version = f"{source.spec.machine_type}-{started:%Y%m%dT%H%M%SZ}"
    golden = source.meant(source.train)
    bundle = build_bundle(best, golden, version, describe_lineage(request, source, started))
    require_golden(bundle)
    write_rul_bundle(request.out, bundle)
    print(format_result(request, source, version, best.figures))
    for line in choice.tell():
        print(line)
    if request.plot is not None:
        print(f"wrote {request.plot}: {draw(request.plot, source, best)} machines")


def require_tunable(source: Source) -> None:
    """Refuse a group before all others are learned from.

    Raises:
        TooLittleDataError: there are few machines, of the type or of the group.
    """
    from models.forecast.choose import are_few
    from models.forecast.train import require_enough

    if are_few(source.train):
        raise TooLittleDataError(
            f"{source.name}: too few machines for a forecast of one group; leave out --group, or collect more"
        )
    require_enough(source.meant(source.train))


def tune(source: Source, start: Ensemble, spec: TrainSpec) -> Ensemble:
    """Go on with what all lives taught, on those of one group."""
    from models.forecast.train import Material, train, tuning
    from models.forecast.watching import watch_training

    lives, calibrate = source.meant(source.train), source.meant(source.calibrate)
    watch = watch_training(f"tuning to {source.group}, {len(lives)} lives", lives, tuning(spec))
    return train(Material(source.spec, lives, calibrate), tuning(spec), start, watch)


def read_source(request: RulRequest) -> Source:
    """Read the lives.

    Raises:
        DataError: there are none, they are damaged, or none is of the group that is asked for.
    """
    source = _open(request)
    if not source.meant(source.train):
        known = ", ".join(sorted({life.group for life in source.train} - {""})) or "none"
        raise DataError(
            f"{source.name}: has no lives of group {request.group!r} to learn from; groups: {known}"
        )
    return source


def _open(request: RulRequest) -> Source:
    group = request.group
    if request.snapshot is None:
        lives = open_lives(request.dataset, request.subset)
        return Source(
            lives.spec, lives.source, lives.lives, notes=lives.notes, clock=lives.clock, group=group
        )
    snapshot = read_snapshot(request.snapshot)
    train, calibrate, unseen = (snapshot.split(side) for side in Split)
    notes = [
        f"no machine of the snapshot falls to the side {side}; machines of the training side stand in, each "
        "with the networks that did not learn from it"
        for side, lives in ((Split.CALIBRATE, calibrate), (Split.EVAL, unseen))
        if not lives
    ]
    return Source(snapshot.spec, snapshot.manifest.name, train, calibrate, unseen, notes, group=group)


def describe_lineage(request: RulRequest, source: Source, started: datetime) -> dict[str, str]:
    """What a model is made of, for its bundle."""
    return {
        "source": source.name,
        "subset": request.subset,
        "group": request.group or ALL,
        "lives": str(len(source.train)),
        "machines": str(len({life.machine for life in source.train})),
        "seed": str(request.seed),
        "code_version": find_code_version(),
        "run": started.isoformat(timespec="seconds"),
    }


def draw(plot: Path, source: Source, trained: Chosen) -> int:
    """Draw some machines; returns how many.

    Raises:
        ConfigError: the picture cannot be written.
    """
    from models.forecast.choose import unseen_by
    from models.forecast.courses import choose_shown, follow_unseen
    from models.forecast.plots import draw_courses

    unseen, known = source.meant(source.unseen), source.meant(source.train)
    shown = choose_shown(unseen, N_SHOWN) or choose_shown(known, N_SHOWN)
    title = f"{source.spec.machine_type}: each machine forecast by what others taught"
    draw_courses(plot, title, source.spec.time_unit, follow_unseen(unseen_by(trained), shown, source.spec))
    return len(shown)


def format_result(
    request: RulRequest, source: Source, version: str, figures: Mapping[str, float | None]
) -> str:
    """What came of it, and what to do next, as lines of text."""
    calibrated = source.meant(source.calibrate)
    judged = "the machines of the calibration side" if calibrated else "machines left out of the fit"
    first = "" if request.snapshot else "`industrialguard train snapshot`, then "
    return "\n".join(
        [
            f"on {judged}, cut at random rows (in {source.spec.time_unit}, up to the horizon of "
            f"{source.spec.horizon:g}):",
            format_figures(figures, source.spec.time_unit),
            "  The same machines chose epochs or calibrated the intervals, so figures on new ones are "
            "somewhat worse.",
            *(f"  note: {note}" for note in source.notes),
            f"wrote {request.out}: {version}, {request.out.stat().st_size} bytes; its runtime gives the "
            "network's answers",
            f"next: {first}`industrialguard train pipeline` judges a model on machines that it never saw "
            "and puts it in charge",
        ]
    )

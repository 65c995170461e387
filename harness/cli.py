"""The command `harness`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from harness import __version__
from harness.errors import HarnessError
from harness.registry.blocking import blocking, without_flag

__all__ = ["main", "program"]

USAGE = """\
harness compares optimizers and weight initializers on neural networks, honestly and fast.

usage: harness train [overrides]      train one run, e.g. harness train optimizer=adam optimizer.lr=0.01
       harness train -m [overrides]   train a sweep: every combination of comma-separated values
       harness tune [overrides]       tune contenders alike, then judge them on fresh seeds: see --help
       harness sweeps [--json]        list the sweeps: what is finished, and the command for the rest
       harness compare [SWEEP...]     which contender is better, how sure that is, and a report on it
       harness plugins [--json]       list the installed plugins and their components
       harness check NAME...          check a component, or all of a plugin, against its contract
       harness ui [overrides]         open the MLflow dashboard on the configured store
       harness log FOLDER...          log runs again from the journals in their output folders
       harness new KIND NAME          write a package for a component of your own: new optimizer my-rule
       harness --version
       harness --no-plugins COMMAND   without the plugins of others: is it one of them that is at fault?
       harness --no-plugins=NAME,... COMMAND      without these packages

`harness train --help` shows the configuration; `harness train --cfg job` the composed one.
`optimizer=DISTRIBUTION:NAME` chooses between two of a name.
Shell completion: eval "$(harness train -sc install=bash)"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit status: 2 for a mistake of the user, 1 for a failed run."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    warnings.showwarning = _show_warning
    words, names = without_flag(given)
    try:
        with blocking(names):
            return _dispatch(words)
    except HarnessError as error:
        print(f"harness: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `harness plugins | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[2K")  # in the place of the live line
        print("harness: interrupted", *getattr(stop, "__notes__", ()), sep="\n", file=sys.stderr)
        return 130


def program() -> NoReturn:
    """The program `harness`: `main`, and the end of the process."""
    status = main()
    workers = sys.modules.get("harness.execution.workers")
    if workers and workers.has_abandoned_threads():
        # Stacks in threads cannot be stopped within an epoch, and Python does not end well while a
        # library computes. All is written, and there is nothing left to do
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    command, rest = given[0], given[1:]
    if command == "--version":
        print(f"harness {__version__}")
        return 0
    if command in ("-sc", "--shell-completion"):  # how a shell asks, see `_complete`
        return _complete(rest)
    if command not in COMMANDS:
        from harness.errors import unknown_name

        raise unknown_name("command", command, COMMANDS)
    return COMMANDS[command](rest)


def _train(rest: list[str]) -> int:
    from harness.application import train

    status = train(rest)
    if "install=bash" in rest:  # beside Hydra's script: full names have a colon
        print("COMP_WORDBREAKS=${COMP_WORDBREAKS//:}")
    return status


def _tune(rest: list[str]) -> int:
    import argparse

    from harness.application import tune
    from harness.errors import unknown_name

    parser = argparse.ArgumentParser(
        prog="harness tune",
        allow_abbrev=False,
        description="Each combination of listed values, as in optimizer=sgd,adam, is tuned on the "
        "validation part with as many settings of its own search space, each trained from all seeds; "
        "the best one, and the defaults, are trained again from fresh seeds.",
        epilog="The options are short for hydra.sweeper.trials=N and so on, of hydra/sweeper=tuned.",
    )
    options = {
        "--trials": ("N", "settings for each contender (32)"),
        "--final-seeds": ("N", "fresh seeds that the chosen settings are trained from (10)"),
        "--extend": (
            "N",
            "extend a range whose best value is on its edge, N times at most (alone: 1)",
        ),
        "--method": ("M", "of the points: sobol, halton or random (sobol)"),
        "--metric": ("M", "to choose by: loss, or a score of the task (accuracy or r2)"),
    }
    for option, (metavar, text) in options.items():
        parser.add_argument(option, metavar=metavar, help=text)
    parser.add_argument(
        "overrides", nargs="*", help="of the configuration, e.g. optimizer=sgd,adam"
    )
    given = []
    for word, after in zip(rest, [*rest[1:], ""], strict=True):
        given.append("--extend=1" if word == "--extend" and not after.isdecimal() else word)
    found, unknown = parser.parse_known_intermixed_args(given)
    for word in unknown:
        raise unknown_name("option", word.partition("=")[0], [*options, "--help"])
    short = {name: value for name, value in vars(found).items() if name != "overrides"}
    settings = [f"hydra.sweeper.{name}={value}" for name, value in short.items() if value]
    status, folder = tune([*settings, *found.overrides])
    if folder is not None:
        _compare_tuned(folder, [*found.overrides], found.metric)
    return status


def _compare_tuned(folder: Path, overrides: list[str], metric: str | None) -> None:
    """What the tuning was for: a comparison of the runs of this sweep."""
    from harness.compare.command import compare_command
    from harness.configuration.job import sweep_id

    where = [word for word in overrides if word.startswith("tracking.")]
    print()
    compare_command([sweep_id(str(folder)), *(["--metric", metric] if metric else []), *where])


def _complete(rest: list[str]) -> int:
    """Hydra's completion takes the program for the application: `train` is put in and out here."""
    words, names = without_flag(os.environ.get("COMP_LINE", "").split(" "))
    if len(words) > 2 and words[1] == "train":
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        from harness.application import train

        with blocking(names):
            return train(["-sc", *rest])
    started = words[1] if len(words) > 1 else ""
    print(" ".join(command for command in COMMANDS if command.startswith(started)))
    return 0


def _sweeps(rest: list[str]) -> int:
    import argparse

    from harness.configuration.arguments import tracking_settings
    from harness.sweep.listing import as_json, show, sweeps
    from harness.tracking.address import without_secrets

    parser = argparse.ArgumentParser(prog="harness sweeps")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("overrides", nargs="*", help="of the configuration, e.g. tracking.uri=...")
    options = parser.parse_args(rest)
    tracking = tracking_settings(options.overrides)
    found = sweeps(tracking.uri, tracking.experiment)
    if options.json:
        print(as_json(found))
    elif found:
        show(found, sys.stdout)
    else:
        where = f"the experiment {tracking.experiment!r} of {without_secrets(tracking.uri)}"
        print(f"There is no sweep in {where}.")
    return 0


def _compare(rest: list[str]) -> int:
    from harness.compare.command import compare_command

    return compare_command(rest)


def _plugins(rest: list[str]) -> int:
    import argparse

    from harness.configuration.nodes import component_nodes
    from harness.registry.catalogue import as_json, as_text
    from harness.registry.registry import load_registry

    parser = argparse.ArgumentParser(prog="harness plugins")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(rest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the listing itself says what did not load
        registry = load_registry()
        component_nodes(registry)  # finds the fields that Hydra cannot hold
    print(as_json(registry) if options.json else as_text(registry))
    return 1 if registry.broken else 0


def _check(rest: list[str]) -> int:
    import argparse

    from harness.registry.registry import load_registry
    from harness.testing.report import StatusCounts, tab_separated_lines, terminal_lines
    from harness.testing.selection import all_subjects, subjects_named

    parser = argparse.ArgumentParser(prog="harness check")
    parser.add_argument("--all", action="store_true", help="everything that is installed")
    parser.add_argument(
        "names", nargs="*", help="components (adam, optimizer=adam), plugins or distributions"
    )
    options = parser.parse_args(rest)
    if options.all == bool(options.names):
        parser.error("name what to check, or give --all")
    registry = load_registry()
    subjects = all_subjects(registry) if options.all else subjects_named(registry, options.names)
    counts = StatusCounts()
    lines = terminal_lines if sys.stdout.isatty() else tab_separated_lines
    for line in lines(subjects, counts):
        print(line, flush=True)
    return 1 if counts.failed or (options.all and registry.broken) else 0


def _ui(rest: list[str]) -> int:
    import argparse

    from harness.configuration.arguments import tracking_settings
    from harness.tracking.dashboard import open_dashboard

    parser = argparse.ArgumentParser(prog="harness ui")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000, choices=range(1, 65536), metavar="PORT")
    parser.add_argument("overrides", nargs="*", help="of the configuration, e.g. tracking.uri=...")
    options = parser.parse_args(rest)
    tracking = tracking_settings(options.overrides)
    open_dashboard(
        tracking.uri,
        tracking.experiment,
        options.host,
        options.port,
        lambda line: print(line, flush=True),
    )
    return 0


def _log(rest: list[str]) -> int:
    import argparse

    from harness.tracking.tracker import replay

    parser = argparse.ArgumentParser(prog="harness log")
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of runs")
    parser.add_argument("--uri", default="sqlite:///outputs/mlflow.db", help="the store to log to")
    options = parser.parse_args(rest)
    for folder, run_id in replay(options.folders, options.uri).items():
        print(f"{folder}\t{run_id}")
    return 0


def _new(rest: list[str]) -> int:
    import argparse

    from harness.registry.registry import load_registry
    from harness.scaffold.naming import package_names
    from harness.scaffold.package import next_steps, write_package

    parser = argparse.ArgumentParser(prog="harness new")
    parser.add_argument(
        "kind",
        help="backend, dataset, optimizer, wrapper, schedule, initializer, loss or auxiliary-loss",
    )
    parser.add_argument("name", help="of the component, as in my-rule")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="by default ./harness-NAME")
    options = parser.parse_args(rest)
    chosen = package_names(options.kind, options.name, load_registry())
    folder = options.into or Path(chosen.distribution)
    write_package(chosen, folder)
    print(f"{folder} is a complete package: the formula in it is an example to replace. Next:\n")
    print(next_steps(chosen, folder))
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "train": _train,
    "tune": _tune,
    "sweeps": _sweeps,
    "compare": _compare,
    "plugins": _plugins,
    "check": _check,
    "ui": _ui,
    "log": _log,
    "new": _new,
}


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Without the line of code: a person running an experiment has no use for it."""
    print(f"harness: warning: {message}", file=sys.stderr)

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
       harness --no-plugins COMMAND   run it without the plugins of others: is one of them at fault?

`harness train --help` shows the configuration; `harness train --cfg job` the composed one.
`--no-plugins=NAME,...` leaves out some; `optimizer=DISTRIBUTION:NAME` chooses between two of a name.
Shell completion: eval "$(harness train -sc install=bash)"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns the exit status: 2 for a mistake of the user, 1 for a failed run."""
    warnings.showwarning = _show_warning
    words, blocked = without_flag(sys.argv[1:] if arguments is None else arguments)
    try:
        with blocking(blocked):
            return _dispatch(words)
    except HarnessError as error:
        print(f"harness: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `harness plugins | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[2K")  # erases the live line
        print("harness: interrupted", *getattr(stop, "__notes__", ()), sep="\n", file=sys.stderr)
        return 130


def program() -> NoReturn:
    """Runs the program `harness`: `main`, and then the process ends."""
    status = main()
    workers = sys.modules.get("harness.execution.workers")
    if workers and workers.has_abandoned_threads():
        # Stacks in threads cannot be stopped within an epoch, and Python does not end well while a
        # library computes. All is written, and there is nothing left to do
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _dispatch(words: list[str]) -> int:
    """Runs the command that the first word names."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    command, rest = words[0], words[1:]
    if command == "--version":
        print(f"harness {__version__}")
        return 0
    if command in ("-sc", "--shell-completion"):  # how a shell asks
        return _complete(rest)
    if command not in COMMANDS:
        from harness.errors import unknown_name

        raise unknown_name("command", command, COMMANDS)
    return COMMANDS[command](rest)


def _train(rest: list[str]) -> int:
    from harness.application import train

    status = train(rest)
    if "install=bash" in rest:  # beside Hydra's script: full names of components have a colon
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
        epilog="--trials=N is short for hydra.sweeper.trials=N of hydra/sweeper=tuned, and so on.",
    )
    options = {
        "--trials": ("N", "settings for each contender (32)"),
        "--final-seeds": ("N", "fresh seeds that the chosen settings are trained from (10)"),
        "--extend": (
            "N",
            "extend a range whose best value is on its edge, N times at most (alone: 1)",
        ),
        "--method": ("M", "how points are drawn: sobol, halton or random (sobol)"),
        "--metric": (
            "M",
            "what settings are chosen by: loss, or a score of the task (accuracy, macro_f1 or r2)",
        ),
    }
    for option, (metavar, text) in options.items():
        parser.add_argument(option, metavar=metavar, help=text)
    parser.add_argument(
        "overrides", nargs="*", help="values of the configuration, e.g. optimizer=sgd,adam"
    )
    words = []
    for word, following in zip(rest, [*rest[1:], ""], strict=True):
        words.append("--extend=1" if word == "--extend" and not following.isdecimal() else word)
    parsed, unknown = parser.parse_known_intermixed_args(words)
    for word in unknown:
        raise unknown_name("option", word.partition("=")[0], [*options, "--help"])
    values = {name: value for name, value in vars(parsed).items() if name != "overrides"}
    settings = [f"hydra.sweeper.{name}={value}" for name, value in values.items() if value]
    status, folder = tune([*settings, *parsed.overrides])
    if folder is not None:
        _compare_tuned(folder, [*parsed.overrides], parsed.metric)
    return status


def _compare_tuned(folder: Path, overrides: list[str], metric: str | None) -> None:
    """Compares the runs of the tuning that has just ended."""
    from harness.compare.command import compare_command

    store = [word for word in overrides if word.startswith("tracking.")]
    print()
    compare_command([str(folder.absolute()), *(["--metric", metric] if metric else []), *store])


def _complete(rest: list[str]) -> int:
    """Completes the command line in the environment variable COMP_LINE.

    Hydra completes what follows the name of a program, so it is asked without the word `train`.
    """
    words, blocked = without_flag(os.environ.get("COMP_LINE", "").split(" "))
    if len(words) > 2 and words[1] == "train":
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        from harness.application import train

        with blocking(blocked):
            return train(["-sc", *rest])
    beginning = words[1] if len(words) > 1 else ""
    print(" ".join(command for command in COMMANDS if command.startswith(beginning)))
    return 0


def _sweeps(rest: list[str]) -> int:
    import argparse

    from harness.configuration.arguments import tracking_settings
    from harness.sweep.listing import as_json, show, sweeps
    from harness.tracking.address import without_secrets

    parser = argparse.ArgumentParser(
        prog="harness sweeps",
        description="Lists the sweeps of an experiment: what each has finished, and the command that "
        "trains the rest.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "overrides", nargs="*", help="values of the configuration, e.g. tracking.uri=..."
    )
    options = parser.parse_args(rest)
    tracking = tracking_settings(options.overrides)
    listed = sweeps(tracking.uri, tracking.experiment)
    if options.json:
        print(as_json(listed))
    elif listed:
        show(listed, sys.stdout)
    else:
        experiment = f"the experiment {tracking.experiment!r} of {without_secrets(tracking.uri)}"
        print(f"There is no sweep in {experiment}.")
    return 0


def _compare(rest: list[str]) -> int:
    from harness.compare.command import compare_command

    return compare_command(rest)


def _plugins(rest: list[str]) -> int:
    import argparse

    from harness.configuration.nodes import component_nodes
    from harness.registry.catalogue import as_json, as_text
    from harness.registry.registry import load_registry

    parser = argparse.ArgumentParser(
        prog="harness plugins",
        description="Lists the installed plugins, their components with the default of each field, and "
        "what is wrong with them.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
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

    parser = argparse.ArgumentParser(
        prog="harness check",
        description="Checks components against the requirements of their kind, with numbers: gradients, "
        "stacks, checkpoints, other backends.",
    )
    parser.add_argument("--all", action="store_true", help="check everything that is installed")
    parser.add_argument(
        "names",
        nargs="*",
        help="what to check: components (adam, optimizer=adam), plugins or distributions",
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

    parser = argparse.ArgumentParser(
        prog="harness ui", description="Opens the MLflow dashboard on the configured store."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine alone)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=5000,
        choices=range(1, 65536),
        metavar="PORT",
        help="port to listen at (5000)",
    )
    parser.add_argument(
        "overrides", nargs="*", help="values of the configuration, e.g. tracking.uri=..."
    )
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

    uri = "sqlite:///outputs/mlflow.db"
    parser = argparse.ArgumentParser(
        prog="harness log",
        description="Logs runs again, from the journals in their output folders. Prints each folder "
        "with the id of its new run.",
    )
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of runs")
    parser.add_argument("--uri", default=uri, help=f"the store to log to ({uri})")
    options = parser.parse_args(rest)
    for folder, run_id in replay(options.folders, options.uri).items():
        print(f"{folder}\t{run_id}")
    return 0


def _new(rest: list[str]) -> int:
    import argparse

    from harness.registry.registry import load_registry
    from harness.scaffold.naming import package_names
    from harness.scaffold.package import next_steps, write_package

    parser = argparse.ArgumentParser(
        prog="harness new",
        description="Writes a complete package for a component of your own, with a formula to replace, "
        "its tests and a CI file.",
    )
    parser.add_argument(
        "kind",
        help="backend, dataset, optimizer, wrapper, schedule, initializer, loss or auxiliary-loss",
    )
    parser.add_argument("name", help="name of the component, as in my-rule")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="where to write it (./harness-NAME)"
    )
    options = parser.parse_args(rest)
    names = package_names(options.kind, options.name, load_registry())
    folder = options.into or Path(names.distribution)
    write_package(names, folder)
    print(f"{folder} is a complete package: the formula in it is an example to replace. Next:\n")
    print(next_steps(names, folder))
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
    """Shows a warning without the line of code, which does not help a person who runs an experiment."""
    print(f"harness: warning: {message}", file=sys.stderr)

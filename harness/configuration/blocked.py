"""What `plugins.blocked` says, read from the command line and its files before a plugin is imported.

Hydra composes with the components of the plugins, so it would say so too late. Read are the command
line, else the preset of `experiment=…`, else the main file: the one that Hydra would let win.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from harness.registry.blocking import blocked, blocking, canonical

__all__ = ["excluding"]

KEY = "plugins.blocked"
OURS = re.compile(r"\+{0,2}(plugins(\.blocked)?|experiment)=")


@contextmanager
def excluding(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Blocks what Hydra's arguments and their files block.

    Yields the arguments with all that is blocked, also by `--no-plugins` and the environment, so that
    the configuration says so wherever it is logged.
    """
    options, _ = get_args_parser().parse_known_args(list(arguments))
    wanted = {canonical(name) for name in _configured(options)}
    everything = blocked() | wanted
    with blocking(wanted):
        yield list(arguments) if everything == wanted else _stating(arguments, options, everything)


def _stating(arguments: Sequence[str], options: Namespace, names: frozenset[str]) -> list[str]:
    """The arguments with an override that names all of these."""
    override = f"{KEY}=[{','.join(sorted(names))}]"
    kept = [argument for argument in arguments if not argument.startswith(f"{KEY}=")]
    overrides = [one for one in options.overrides if one in kept]
    # Beside the others: between options, the parser takes no second group of overrides
    place = kept.index(overrides[0]) if overrides else len(kept)
    return [*kept[:place], override, *kept[place:]]


def _configured(options: Namespace) -> list[str]:
    given: dict[str, Any] = {}
    for line in filter(OURS.match, options.overrides):
        override = OverridesParser.create().parse_override(line)
        given[override.key_or_group] = override.value()
    on_line = given.get(KEY, (given.get("plugins") or {}).get("blocked"))
    if on_line is not None:
        return _names(on_line)
    repository = _repository(options)
    main = _read(repository, options.config_name or "config")
    defaults = [
        one for one in main.defaults_list or [] if getattr(one, "group", "") == "experiment"
    ]
    experiment = given.get("experiment", defaults[0].value if defaults else None)
    if isinstance(experiment, str):
        preset = _read(repository, f"experiment/{experiment}")
        found = _blocked_in(preset)
        if found is not None:
            return found
    return _blocked_in(main) or []


def _repository(options: Namespace) -> ConfigRepository:
    """Where Hydra will look for files."""
    Plugins.instance()  # they bring what reads them
    path = ConfigSearchPathImpl()
    main = options.config_path
    path.append("main", f"file://{Path(main).absolute()}" if main else "pkg://harness.conf")
    if options.config_dir:
        path.append("command-line", f"file://{Path(options.config_dir).absolute()}")
    return ConfigRepository(path)


def _read(repository: ConfigRepository, name: str) -> Any:
    """A configuration file as it is; None where there is none, which Hydra will say."""
    return repository.load_config(name)


def _blocked_in(file: Any) -> list[str] | None:
    if file is None:
        return None
    found = OmegaConf.select(file.config, KEY)
    return None if found is None else _names(OmegaConf.to_container(found))


def _names(value: Any) -> list[str]:
    """The names in a value; Hydra will say what is wrong with one of another type."""
    return [str(name) for name in value] if isinstance(value, list) else []

"""The jobs of a sweep from their overrides, each choice of components composed once.

Hydra takes 100 ms to compose a configuration, nearly all of it for finding and merging its files. The
jobs of a sweep mostly differ in plain values (`optimizer.lr=0.1`, `seed=3`), which change no file, and
in components, whose nodes are registered classes. So what chooses files is composed by Hydra, once;
components are exchanged and plain values applied in copies of what came out, as Hydra applies them,
after everything else. A test holds the outcome against Hydra's own. What has interpolations, whose
values may lie anywhere, is left to Hydra.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from harness.configuration.hydra_store import node
from harness.configuration.job import Job, job_from
from harness.configuration.overrides import explain
from harness.configuration.run import run_of
from harness.configuration.settings import GROUPS, WRAPPER, Config, Run
from harness.errors import ConfigurationError
from harness.registry.registry import load_registry

__all__ = ["Composer", "compose_jobs"]

FIELDS = frozenset(field.name for field in dataclasses.fields(Config))


def compose_jobs(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[Job]:
    """A job for each list of overrides, with Hydra's usual files in its folder.

    config: of the sweep. first: the number of the first job. Every job is checked before the first
    folder is made: raises ConfigurationError, or what Hydra raises, for the first that is wrong.
    """
    if not job_overrides:
        raise ConfigurationError(
            "The sweep has no jobs: one of its lists of values is empty, as range(5,5) is."
        )
    composer = Composer(context, config)
    numbered = list(enumerate(job_overrides, start=first))
    jobs = [composer.job(overrides, number) for number, overrides in numbered]
    if len({job.folder for job in jobs}) < len(jobs):
        raise ConfigurationError(
            "Several jobs of the sweep have the same folder, and the last would overwrite the others. "
            "Let hydra.sweep.subdir contain the job's number: ${hydra.job.num}."
        )
    for (number, overrides), job in zip(numbered, jobs, strict=True):
        composer.save(overrides, number, job.folder)
    return jobs


class Composer:
    """Composes the jobs of a sweep. config: of the sweep."""

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self._loader = context.config_loader
        self._config = config
        self._bases: dict[tuple[str, ...], _Base] = {}

    def job(self, overrides: Sequence[str], number: int) -> Job:
        """The job with this number, checked."""
        chosen, plain = _parted(overrides)
        base = self._base(chosen)
        if not base.answers(plain):
            return job_from(_task(self._whole(overrides, number)))
        try:
            nodes = base.with_values(plain)
        except OmegaConfBaseException:
            # Hydra says what is wrong
            self._loader.load_sweep_config(self._config, list(overrides))
            raise
        config = Config(**{name: node.value for name, node in nodes.items()})
        given = base.overrides(overrides)
        return Job.named(
            run=run_of(config, load_registry()),
            folder=base.folder(given, number),
            overrides=given,
            sweep_folder=Path(self._config.hydra.sweep.dir).absolute(),
        )

    def run(self, overrides: Sequence[str]) -> Run:
        """The run of these overrides, as a job of the sweep. Raises ConfigurationError."""
        try:
            return self.job(overrides, 0).run
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(explain(error)) from error

    def save(self, overrides: Sequence[str], number: int, folder: Path) -> None:
        """Hydra's usual files of a job."""
        chosen, plain = _parted(overrides)
        base = self._base(chosen)
        subdir = self._config.hydra.output_subdir
        if subdir is None:  # the user wants none
            return
        hydra = folder / str(subdir)
        hydra.mkdir(parents=True, exist_ok=True)
        if not base.answers(plain):
            tree = self._whole(overrides, number)
            OmegaConf.save(_task(tree), hydra / "config.yaml")
            OmegaConf.save(OmegaConf.masked_copy(tree, "hydra"), hydra / "hydra.yaml")
            OmegaConf.save(tree.hydra.overrides.task, hydra / "overrides.yaml")
            return
        given = base.overrides(overrides)
        nodes = base.with_values(plain).values()
        (hydra / "config.yaml").write_text("".join(node.yaml for node in nodes), encoding="utf-8")
        text = base.hydra_yaml(given, number, folder)
        (hydra / "hydra.yaml").write_text(text, encoding="utf-8")
        lines = "".join(f"- {_quoted(override)}\n" for override in given) or "[]\n"
        (hydra / "overrides.yaml").write_text(lines, encoding="utf-8")

    def _base(self, chosen: tuple[str, ...]) -> _Base:
        if chosen not in self._bases:
            # One for one: a choice of wrappers may be of several, whose nodes Hydra merges
            components = tuple(o for o in chosen if _names_component(o) and _top(o) != WRAPPER)
            others = tuple(override for override in chosen if override not in components)
            tree = None
            if components:
                tree = self._exchanged(self._base(others).tree, components)
            if tree is None:
                tree = self._loader.load_sweep_config(self._config, list(chosen))
            self._bases[chosen] = _Base(tree)
        return self._bases[chosen]

    def _exchanged(self, tree: DictConfig, components: tuple[str, ...]) -> DictConfig | None:
        """The tree with other components in some groups; None where that is not all there is to it.

        A component's node is its class and nothing else, unless a configuration file sets something in
        it, or takes the place of the component.
        """
        exchanged = copy.copy(tree)
        for override in map(_parsed, components):
            group, name = override.key_or_group, str(override.value())
            former = tree.hydra.runtime.choices.get(group)
            if not (self._is_ours(group, former) and self._is_ours(group, name)):
                return None
            if tree[group] != node(f"{group}/{former}"):
                return None
            with read_write(exchanged), open_dict(exchanged):
                exchanged[group] = node(f"{group}/{name}")
                exchanged.hydra.runtime.choices[group] = name
        return exchanged

    def _is_ours(self, group: str, name: str) -> bool:
        """Whether an option is a registered component and no file of the user's."""
        path = f"{group}/{name}"
        found = [s.provider for s in self._loader.get_sources() if s.is_config(path)]
        return found == ["schema"] and not self._config.hydra.searchpath

    def _whole(self, overrides: Sequence[str], number: int) -> DictConfig:
        """The whole tree of a job, `hydra` node included, as Hydra's basic launcher makes it."""
        tree = self._loader.load_sweep_config(self._config, list(overrides))
        with open_dict(tree):
            tree.hydra.job.id = str(number)
            tree.hydra.job.num = number
        HydraConfig.instance().set_config(tree)
        folder = os.path.join(str(tree.hydra.sweep.dir), str(tree.hydra.sweep.subdir))
        with read_write(tree.hydra.runtime), open_dict(tree.hydra.runtime):
            tree.hydra.runtime.output_dir = os.path.abspath(folder)
        HydraConfig.instance().set_config(tree)
        return tree


@dataclass(frozen=True)
class _Node:
    """A node at the top of the tree: its value, and its lines of YAML."""

    value: Any
    yaml: str


@dataclass
class _Base:
    """What the jobs with the same choices have in common. tree: as Hydra composed it."""

    tree: DictConfig
    _task: DictConfig = field(init=False)
    _nodes: dict[tuple[str, ...], _Node] = field(init=False, default_factory=dict)
    _hydra: DictConfig = field(init=False)  # untyped, in which values are set ten times faster
    _template: str = field(init=False)
    _dir: str = field(init=False)
    _subdir: str = field(init=False)  # as it is written
    _dirname_settings: dict[str, Any] = field(init=False)
    simple: bool = field(init=False)  # whether the values of a job are those that are written down

    def __post_init__(self) -> None:
        self._task = _task(self.tree)
        node: Any = OmegaConf.to_container(self.tree.hydra, resolve=False, enum_to_str=True)
        self._hydra = OmegaConf.create({"hydra": node})
        OmegaConf.copy_cache(from_config=self.tree, to_config=self._hydra)  # the time it is `now`
        self._template = _template(node)
        self._dir, self._subdir = str(self._hydra.hydra.sweep.dir), str(node["sweep"]["subdir"])
        self._dirname_settings = node["job"]["config"]["override_dirname"]
        written = OmegaConf.to_yaml(self._task)
        self.simple = "${" not in written and not _ELSEWHERE.search(str(node["sweep"]))

    def answers(self, plain: tuple[str, ...]) -> bool:
        """Whether the values of a job with these overrides are those that are written down."""
        return self.simple and not any("${" in override for override in plain)

    def with_values(self, plain: tuple[str, ...]) -> dict[str, _Node]:
        """The nodes at the top, in order, with plain overrides applied."""
        own: dict[str, list[str]] = {}
        for override in plain:
            own.setdefault(re.split(r"[.=]", override, maxsplit=1)[0], []).append(override)
        return {str(name): self._node(str(name), own.get(str(name), [])) for name in self._task}

    def _node(self, name: str, plain: list[str]) -> _Node:
        key = (name, *plain)
        if key not in self._nodes:
            part = OmegaConf.masked_copy(self._task, name)
            for override in map(_parsed, plain):
                OmegaConf.update(part, override.key_or_group, override.value(), merge=True)
            value = part[name]
            value = OmegaConf.to_object(value) if OmegaConf.is_config(value) else value
            self._nodes[key] = _Node(value, OmegaConf.to_yaml(part))
        return self._nodes[key]

    def overrides(self, given: Sequence[str]) -> tuple[str, ...]:
        """Those of a job that are not Hydra's own."""
        return tuple(override for override in given if not _parsed(override).is_hydra_override())

    def folder(self, given: tuple[str, ...], number: int) -> Path:
        """Where a job leaves its results."""
        own = {"id": str(number), "num": str(number), "override_dirname": self._dirname(given)}
        subdir = _OWN.sub(lambda match: own[match[1]], self._subdir)
        if "${" in subdir:
            hydra = self._hydra.hydra
            hydra.job.id, hydra.job.num = str(number), number
            hydra.job.override_dirname = own["override_dirname"]
            subdir = str(hydra.sweep.subdir)
        return Path(os.path.abspath(os.path.join(self._dir, subdir)))

    def hydra_yaml(self, given: tuple[str, ...], number: int, folder: Path) -> str:
        """The content of hydra.yaml."""
        values = {
            "overrides": f"[{', '.join(map(_quoted, given))}]",
            "dirname": _quoted(self._dirname(given)),
            "id": _quoted(str(number)),
            "num": str(number),
            "folder": _quoted(str(folder)),
        }
        return _PLACE.sub(lambda match: values[match[1]], self._template)

    def _dirname(self, given: tuple[str, ...]) -> str:
        return get_overrides_dirname(
            overrides=[_parsed(override) for override in given], **self._dirname_settings
        )


# An interpolation that Hydra's own node does not answer alone
_ELSEWHERE = re.compile(r"\$\{(?!hydra\.|now:|oc\.env:)")
_OWN = re.compile(r"\$\{hydra\.job\.(id|num|override_dirname)\}")
_PLACE = re.compile(r"harnessPlace-(\w+)")


@cache
def _names_component(text: str) -> bool:
    override = _parsed(text)
    return (
        override.type is OverrideType.CHANGE
        and override.package is None
        and (
            override.key_or_group == WRAPPER
            or (override.key_or_group in GROUPS and isinstance(override.value(), str))
        )
    )


def _template(hydra: dict[str, Any]) -> str:
    """hydra.yaml with a place for each value that is a job's own."""
    node = copy.deepcopy(hydra)
    node["overrides"]["task"] = "harnessPlace-overrides"
    node["job"] |= {name: f"harnessPlace-{name}" for name in ("id", "num")}
    node["job"]["override_dirname"] = "harnessPlace-dirname"
    node["runtime"]["output_dir"] = "harnessPlace-folder"
    return OmegaConf.to_yaml(OmegaConf.create({"hydra": node}))


def _parted(overrides: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The overrides that choose what is composed, and those that only set a value.

    Of two for the same value the last one counts. So where a whole node is given, `training={…}`, what
    sets a value within it stays beside it, in order.
    """
    whole = {_top(o) for o in overrides if not (_is_plain(o) or _names_component(o))}
    plain = tuple(o for o in overrides if _is_plain(o) and _top(o) not in whole)
    return tuple(o for o in overrides if o not in plain), plain


@cache
def _is_plain(text: str) -> bool:
    override = _parsed(text)
    top, rest = _top(text), override.key_or_group.partition(".")[2]
    return (
        override.type is OverrideType.CHANGE
        and override.package is None
        and top in FIELDS
        and (bool(rest) or top in ("seed", "skip_finished"))
        and "/" not in override.key_or_group
    )


@cache
def _top(text: str) -> str:
    """The key at the top of the tree."""
    return _parsed(text).key_or_group.partition(".")[0]


@cache
def _parsed(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


def _task(tree: DictConfig) -> DictConfig:
    """The tree without Hydra's own node."""
    task = copy.copy(tree)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task


def _quoted(text: str) -> str:
    """A YAML scalar, which JSON's are."""
    return json.dumps(text, ensure_ascii=False)

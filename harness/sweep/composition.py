"""The jobs of a sweep from their overrides, each choice of components composed once.

Hydra takes 100 ms to compose a configuration, nearly all of it to find and merge files. The jobs of a
sweep mostly differ in plain values (`optimizer.lr=0.1`, `seed=3`), which change no file, and in
components, whose nodes are registered classes. So Hydra composes each choice of files once. In copies of
the outcome, components are exchanged and plain values are applied last, as Hydra does. A test compares
the jobs with Hydra's own. Jobs with interpolations, whose values may lie anywhere, are left to Hydra.
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
from harness.configuration.run import run_from_config
from harness.configuration.settings import GROUPS, WRAPPER, Config, Run
from harness.errors import ConfigurationError
from harness.registry.registry import load_registry

__all__ = ["Composer", "compose_jobs"]

FIELDS = frozenset(field.name for field in dataclasses.fields(Config))


def compose_jobs(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[Job]:
    """Composes jobs and writes Hydra's usual files into their folders.

    Every job is checked before the first folder is made.

    Args:
        context: Hydra's context, with the loader of configurations.
        config: Configuration of the sweep.
        job_overrides: Overrides of each job.
        first: Number of the first job.

    Returns:
        A job for each list of overrides, in order.

    Raises:
        ConfigurationError: For the first job that is wrong, for equal folders, and without jobs.
        HydraException, OmegaConfBaseException: What Hydra raises for the first job that is wrong.
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
    """Composes the jobs of a sweep.

    Args:
        context: Hydra's context, with the loader of configurations.
        config: Configuration of the sweep.
    """

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self._loader = context.config_loader
        self._config = config
        self._composed: dict[tuple[str, ...], _Composed] = {}

    def job(self, overrides: Sequence[str], number: int) -> Job:
        """The job with this number, checked."""
        choices, plain = _split(overrides)
        composed = self._compose(choices)
        if not composed.is_literal(plain):
            return job_from(_without_hydra(self._tree_of_job(overrides, number)))
        try:
            nodes = composed.with_values(plain)
        except OmegaConfBaseException:
            # Hydra's own error says more
            self._loader.load_sweep_config(self._config, list(overrides))
            raise
        config = Config(**{name: node.value for name, node in nodes.items()})
        task_overrides = _task_overrides(overrides)
        return Job.named(
            run=run_from_config(config, load_registry()),
            folder=composed.folder(task_overrides, number),
            overrides=task_overrides,
            sweep_folder=Path(self._config.hydra.sweep.dir).absolute(),
        )

    def run(self, overrides: Sequence[str]) -> Run:
        """The run that a job with these overrides has. Raises ConfigurationError if they are wrong."""
        try:
            return self.job(overrides, 0).run
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(explain(error)) from error

    def save(self, overrides: Sequence[str], number: int, folder: Path) -> None:
        """Writes Hydra's usual files of a job."""
        choices, plain = _split(overrides)
        composed = self._compose(choices)
        subdir = self._config.hydra.output_subdir
        if subdir is None:  # the user wants none
            return
        hydra = folder / str(subdir)
        hydra.mkdir(parents=True, exist_ok=True)
        if not composed.is_literal(plain):
            tree = self._tree_of_job(overrides, number)
            OmegaConf.save(_without_hydra(tree), hydra / "config.yaml")
            OmegaConf.save(OmegaConf.masked_copy(tree, "hydra"), hydra / "hydra.yaml")
            OmegaConf.save(tree.hydra.overrides.task, hydra / "overrides.yaml")
            return
        task_overrides = _task_overrides(overrides)
        nodes = composed.with_values(plain).values()
        (hydra / "config.yaml").write_text("".join(node.yaml for node in nodes), encoding="utf-8")
        text = composed.hydra_yaml(task_overrides, number, folder)
        (hydra / "hydra.yaml").write_text(text, encoding="utf-8")
        lines = "".join(f"- {_quoted(override)}\n" for override in task_overrides) or "[]\n"
        (hydra / "overrides.yaml").write_text(lines, encoding="utf-8")

    def _compose(self, choices: tuple[str, ...]) -> _Composed:
        """What the jobs with these choices have in common, composed once."""
        if choices not in self._composed:
            # Wrappers are left to Hydra: a choice may name several, and Hydra merges their nodes
            components = tuple(o for o in choices if _names_component(o) and _top(o) != WRAPPER)
            others = tuple(override for override in choices if override not in components)
            tree = None
            if components:
                tree = self._with_components(self._compose(others).tree, components)
            if tree is None:
                tree = self._loader.load_sweep_config(self._config, list(choices))
            self._composed[choices] = _Composed(tree)
        return self._composed[choices]

    def _with_components(self, tree: DictConfig, components: tuple[str, ...]) -> DictConfig | None:
        """The tree with other components in some groups; None where their nodes do not tell everything.

        The node of a component follows from its class alone, unless a configuration file of the user
        sets something in it or replaces the component.
        """
        exchanged = copy.copy(tree)
        for override in map(_parsed, components):
            group, name = override.key_or_group, str(override.value())
            former = tree.hydra.runtime.choices.get(group)
            if not (self._is_component(group, former) and self._is_component(group, name)):
                return None
            if tree[group] != node(f"{group}/{former}"):
                return None
            with read_write(exchanged), open_dict(exchanged):
                exchanged[group] = node(f"{group}/{name}")
                exchanged.hydra.runtime.choices[group] = name
        return exchanged

    def _is_component(self, group: str, name: str) -> bool:
        """Whether an option of a group is a registered component, and no file of the user."""
        path = f"{group}/{name}"
        providers = [s.provider for s in self._loader.get_sources() if s.is_config(path)]
        return providers == ["schema"] and not self._config.hydra.searchpath

    def _tree_of_job(self, overrides: Sequence[str], number: int) -> DictConfig:
        """The tree of a job, node `hydra` included, as Hydra's basic launcher makes it."""
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
class _Composed:
    """What the jobs with the same choices have in common.

    Attributes:
        tree: Tree that Hydra composed from the choices.
        literal: Whether its values are those that are written down: nothing is interpolated.
    """

    tree: DictConfig
    literal: bool = field(init=False)
    _task: DictConfig = field(init=False)
    _nodes: dict[tuple[str, ...], _Node] = field(init=False, default_factory=dict)
    _hydra: DictConfig = field(init=False)  # untyped: setting a value is ten times faster
    _template: str = field(init=False)
    _dir: str = field(init=False)
    _subdir: str = field(init=False)  # not interpolated yet
    _dirname_settings: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._task = _without_hydra(self.tree)
        node: Any = OmegaConf.to_container(self.tree.hydra, resolve=False, enum_to_str=True)
        self._hydra = OmegaConf.create({"hydra": node})
        OmegaConf.copy_cache(
            from_config=self.tree, to_config=self._hydra
        )  # with the time that is `now`
        self._template = _template(node)
        self._dir, self._subdir = str(self._hydra.hydra.sweep.dir), str(node["sweep"]["subdir"])
        self._dirname_settings = node["job"]["config"]["override_dirname"]
        written = OmegaConf.to_yaml(self._task)
        self.literal = "${" not in written and not _FOREIGN.search(str(node["sweep"]))

    def is_literal(self, plain: tuple[str, ...]) -> bool:
        """Whether nothing is interpolated in a job with these plain overrides either."""
        return self.literal and not any("${" in override for override in plain)

    def with_values(self, plain: tuple[str, ...]) -> dict[str, _Node]:
        """The nodes at the top of the tree, in order, with plain overrides applied."""
        by_node: dict[str, list[str]] = {}
        for override in plain:
            by_node.setdefault(re.split(r"[.=]", override, maxsplit=1)[0], []).append(override)
        return {str(name): self._node(str(name), by_node.get(str(name), [])) for name in self._task}

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

    def folder(self, task_overrides: tuple[str, ...], number: int) -> Path:
        """The folder in which a job leaves its results."""
        dirname = self._dirname(task_overrides)
        values = {"id": str(number), "num": str(number), "override_dirname": dirname}
        subdir = _JOB_VALUE.sub(lambda match: values[match[1]], self._subdir)
        if "${" in subdir:
            hydra = self._hydra.hydra
            hydra.job.id, hydra.job.num = str(number), number
            hydra.job.override_dirname = dirname
            subdir = str(hydra.sweep.subdir)
        return Path(os.path.abspath(os.path.join(self._dir, subdir)))

    def hydra_yaml(self, task_overrides: tuple[str, ...], number: int, folder: Path) -> str:
        """The content of hydra.yaml."""
        values = {
            "overrides": f"[{', '.join(map(_quoted, task_overrides))}]",
            "dirname": _quoted(self._dirname(task_overrides)),
            "id": _quoted(str(number)),
            "num": str(number),
            "folder": _quoted(str(folder)),
        }
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self._template)

    def _dirname(self, task_overrides: tuple[str, ...]) -> str:
        return get_overrides_dirname(
            overrides=[_parsed(override) for override in task_overrides], **self._dirname_settings
        )


# An interpolation whose value is not in Hydra's own node
_FOREIGN = re.compile(r"\$\{(?!hydra\.|now:|oc\.env:)")
_JOB_VALUE = re.compile(r"\$\{hydra\.job\.(id|num|override_dirname)\}")
_PLACEHOLDER = re.compile(r"harnessPlaceholder-(\w+)")


@cache
def _names_component(text: str) -> bool:
    """Whether an override chooses a component, or wrappers."""
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
    """hydra.yaml with a placeholder for each value that differs between jobs."""
    node = copy.deepcopy(hydra)
    node["overrides"]["task"] = "harnessPlaceholder-overrides"
    node["job"] |= {name: f"harnessPlaceholder-{name}" for name in ("id", "num")}
    node["job"]["override_dirname"] = "harnessPlaceholder-dirname"
    node["runtime"]["output_dir"] = "harnessPlaceholder-folder"
    return OmegaConf.to_yaml(OmegaConf.create({"hydra": node}))


def _split(overrides: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The overrides that choose what Hydra composes, and those that only set a value.

    The last override of a value counts. So where an override sets a whole node, `training={…}`, those of
    values within the node stay with it among the choices, in order.
    """
    nodes = {_top(o) for o in overrides if not (_is_plain(o) or _names_component(o))}
    plain = tuple(o for o in overrides if _is_plain(o) and _top(o) not in nodes)
    return tuple(o for o in overrides if o not in plain), plain


def _task_overrides(overrides: Sequence[str]) -> tuple[str, ...]:
    """The overrides of a job that are not of Hydra's own node."""
    return tuple(override for override in overrides if not _parsed(override).is_hydra_override())


@cache
def _is_plain(text: str) -> bool:
    """Whether an override only sets a value in a node of the schema."""
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
    """The top-level key of an override."""
    return _parsed(text).key_or_group.partition(".")[0]


@cache
def _parsed(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


def _without_hydra(tree: DictConfig) -> DictConfig:
    """The tree without Hydra's own node."""
    task = copy.copy(tree)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task


def _quoted(text: str) -> str:
    """The text as a YAML scalar: JSON strings are YAML, too."""
    return json.dumps(text, ensure_ascii=False)

"""What a command line asks a search for: contenders, the search space of each, and the seeds.

    optimizer=sgd,adam            contenders: every combination of listed values, except the seed
    seed=0,1,2                    every trial is run for each seed
    training.batch_size=choice(16,32)           \
    training.batch_size=int(interval(16,64))     } sampled, besides the optimizer's own search space
    optimizer.lr=tag(log,interval(1e-4,1))      /
    optimizer.momentum=0.9        fixed, and so no longer sampled

The notation of search spaces is Hydra's own, as its published Optuna sweeper reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, ValueType
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.configuration.overrides import as_typed
from harness.configuration.settings import NONE, WRAPPER
from harness.errors import ConfigurationError
from harness.registry.registry import Registry
from harness.search_space import SCALES, Choice, Dimension, Integers, Range, space_of

__all__ = ["Contender", "SearchPlan", "plan_search"]

# Values of a list, as opposed to choice(…) and range(…), which are sampled
LISTED = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.GLOB_CHOICE_SWEEP)


@dataclass(frozen=True)
class Contender:
    """One combination of the listed values.

    Attributes:
        name: What distinguishes it from other contenders; the optimizer is always named.
        overrides: Its fixed overrides, those of listed values included, without the seed.
        space: Dimensions of the search space, by key of the configuration.
    """

    name: str
    overrides: tuple[str, ...]
    space: dict[str, Dimension]

    def setting(self, point: Sequence[float]) -> dict[str, str]:
        """The values at a point of the unit cube, as texts by key.

        Args:
            point: A number in [0, 1) for each dimension of the space; further numbers are not used.
        """
        space: dict[str, Any] = dict(self.space)
        return {k: d.text(d.at(u)) for (k, d), u in zip(space.items(), point, strict=False)}


@dataclass(frozen=True)
class SearchPlan:
    """What a search tries.

    Attributes:
        contenders: Contenders, each with trials of its own.
        seeds: Seeds for which every trial is run, each as overrides; `((),)` for the configured seed.
    """

    contenders: tuple[Contender, ...]
    seeds: tuple[tuple[str, ...], ...]

    def jobs(self, contender: Contender, setting: Mapping[str, str]) -> list[list[str]]:
        """The overrides of the jobs of one trial, one a seed."""
        sampled = [f"{key}={text}" for key, text in setting.items()]
        return [[*contender.overrides, *sampled, *seed] for seed in self.seeds]


def plan_search(
    arguments: Sequence[str],
    params: Mapping[str, Any] | None,
    context: HydraContext,
    config: DictConfig,
    registry: Registry,
) -> SearchPlan:
    """Reads `hydra.sweeper.params` and then the command line, which has the last word on a key.

    Args:
        arguments: Overrides of the command line.
        params: `hydra.sweeper.params`, value by key.
        context: Hydra's context, with the loader of configurations.
        config: Configuration without the swept values. It tells the optimizer and the wrappers where
            the command line lists none.
        registry: Components, with their search spaces.

    Raises:
        ConfigurationError: For what cannot be sampled, and for a contender with nothing to sample.
    """
    parser = OverridesParser.create(config_loader=context.config_loader)
    lines = [*(f"{key}={value}" for key, value in (params or {}).items()), *arguments]
    overrides = {o.get_key_element(): o for o in parser.parse_overrides(lines)}
    seeds = _seeds(overrides.pop("seed", None))
    sampled: dict[str, Dimension] = {}
    fixed: list[list[str]] = []
    for key, override in overrides.items():
        if override.value_type in LISTED or not override.is_sweep_override():
            fixed.append([f"{key}={text}" for text in _texts(override)])
        else:
            sampled[key] = _dimension(override)
    defaults = {key: config.hydra.runtime.choices.get(key, NONE) for key in ("optimizer", WRAPPER)}
    return SearchPlan(
        tuple(_contender(listed, fixed, sampled, defaults, registry) for listed in product(*fixed)),
        seeds,
    )


def _contender(
    overrides: Sequence[str],
    fixed: Sequence[Sequence[str]],
    sampled: Mapping[str, Dimension],
    defaults: Mapping[str, Any],
    registry: Registry,
) -> Contender:
    """A contender.

    Args:
        overrides: One fixed override for each key.
        fixed: All overrides that are listed for each key, in the same order.
        sampled: Dimensions that the command line samples, by key.
        defaults: Configured `optimizer` and `wrapper`.
        registry: Components, with their search spaces.
    """
    values = dict(override.split("=", 1) for override in overrides)
    optimizer = values.get("optimizer", str(defaults["optimizer"]))
    # A configuration file of the user has a name that no plugin knows
    registered = optimizer in registry.options("optimizer")
    stated = space_of(registry.component("optimizer", optimizer)) if registered else {}
    spaces = {f"optimizer.{field}": dimension for field, dimension in stated.items()}
    for wrapper in _wrappers(values.get(WRAPPER, defaults[WRAPPER]), registry):
        of_wrapper = space_of(registry.component(WRAPPER, wrapper))
        spaces |= {f"{WRAPPER}.{wrapper}.{field}": d for field, d in of_wrapper.items()}
    # Dimensions of all contenders come first, so that a point means the same for each of them
    space = {**sampled, **{k: d for k, d in spaces.items() if k not in sampled and k not in values}}
    if not space:
        raise ConfigurationError(
            f"Nothing to sample for optimizer={optimizer}: "
            + ("its search space is fixed" if stated else "it states no search space")
            + ". Sample another setting, as in optimizer.lr=tag(log,interval(1e-4,1)), or train every "
            "listed value with hydra/sweeper=grid."
        )
    listed = [o for o, choices in zip(overrides, fixed, strict=True) if len(choices) > 1]
    name = dict.fromkeys([f"optimizer={optimizer}", *sorted(listed)])
    return Contender(" ".join(name), tuple(overrides), space)


def _wrappers(choice: str | Sequence[str], registry: Registry) -> list[str]:
    """The registered wrappers of a choice: a list of names, or the text of an override."""
    if isinstance(choice, str):
        choice = [name.strip() for name in choice.strip("[]").split(",")]
    return [name for name in choice if name in registry.options(WRAPPER)]


def _seeds(override: Override | None) -> tuple[tuple[str, ...], ...]:
    if override is None:
        return ((),)
    if override.is_interval_sweep():
        raise ConfigurationError(
            f"{override.input_line!r}: seeds are not sampled, so that every setting is trained from the "
            f"same ones. List them, as in seed=0,1,2 or seed=range(0,10)."
        )
    return tuple((f"seed={text}",) for text in _texts(override))


def _texts(override: Override) -> list[str]:
    """The value of an override as text, or each of its values if it lists several."""
    if override.is_sweep_override():
        return [as_typed(text) for text in override.sweep_string_iterator()]
    return [as_typed(override.get_value_element_as_str())]


def _dimension(override: Override) -> Dimension:
    """The dimension that `choice`, `range` or `interval` stands for."""
    if override.key_or_group in ("optimizer", WRAPPER):
        kind, examples = override.key_or_group, {"optimizer": "sgd,adam", WRAPPER: f"{NONE},ema"}
        raise ConfigurationError(
            f"{override.input_line!r}: {kind}s are not sampled, so that each gets the same number of "
            f"trials. List them, as in {kind}={examples[kind]}."
        )
    value: Any = override.value()
    tags = set(value.tags)
    try:
        if not isinstance(value, IntervalSweep):
            if tags:
                raise ConfigurationError(f"Only an interval has a scale. Got {' '.join(tags)}.")
            return Choice(tuple(_texts(override)))
        if len(tags) > 1 or not tags <= set(SCALES):
            raise ConfigurationError(
                f"The tag of an interval is its scale: {', '.join(SCALES)}. Got "
                f"{', '.join(sorted(tags))}."
            )
        scale = tags.pop() if tags else "linear"
        low: Any = value.start
        high: Any = value.end
        whole = isinstance(low, int) and isinstance(high, int)
        return Integers(low, high, scale) if whole else Range(low, high, scale)
    except ConfigurationError as error:
        raise ConfigurationError(f"{override.input_line!r}: {error}") from None

"""What a command line asks a search for: contenders, what is sampled for each, and the seeds.

    optimizer=sgd,adam            contenders: every combination of listed values, the seed left out
    seed=0,1,2                    every trial is run for each seed
    training.batch_size=choice(16,32)           \
    training.batch_size=int(interval(16,64))     } sampled, as well as the optimizer's own search space
    optimizer.lr=tag(log,interval(1e-4,1))      /
    optimizer.momentum=0.9        fixed, and so sampled no more

The notation of what is sampled is Hydra's own, as its published Optuna sweeper reads it.
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

__all__ = ["Contender", "SearchPlan", "contest_of"]

# One value after another, as opposed to choice(…) and range(…), which are sampled
LISTED = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.GLOB_CHOICE_SWEEP)


@dataclass(frozen=True)
class Contender:
    """One combination of the listed values.

    name: what it is among the others, the optimizer always included. overrides: its fixed part, listed
    values included and the seed left out. space: what is sampled, by key of the configuration.
    """

    name: str
    overrides: tuple[str, ...]
    space: dict[str, Dimension]

    def setting(self, point: Sequence[float]) -> dict[str, str]:
        """The texts of the values at a point of the unit cube, as long as the space or longer."""
        space: dict[str, Any] = dict(self.space)
        return {k: d.text(d.at(u)) for (k, d), u in zip(space.items(), point, strict=False)}


@dataclass(frozen=True)
class SearchPlan:
    """Contenders and the seeds that each of their trials is run for, as overrides."""

    contenders: tuple[Contender, ...]
    seeds: tuple[tuple[str, ...], ...]

    def jobs(self, contender: Contender, setting: Mapping[str, str]) -> list[list[str]]:
        """The overrides of the jobs of one trial, one a seed."""
        sampled = [f"{key}={text}" for key, text in setting.items()]
        return [[*contender.overrides, *sampled, *seed] for seed in self.seeds]


def contest_of(
    arguments: Sequence[str],
    params: Mapping[str, Any] | None,
    context: HydraContext,
    config: DictConfig,
    registry: Registry,
) -> SearchPlan:
    """Reads `hydra.sweeper.params` and then the command line, which has the last word on a key.

    config: the tree without what is swept; it knows the optimizer and the wrappers where none are
    listed. Raises ConfigurationError for what cannot be sampled, and for a contender with nothing to
    sample.
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
        tuple(_contender(chosen, fixed, sampled, defaults, registry) for chosen in product(*fixed)),
        seeds,
    )


def _contender(
    chosen: Sequence[str],
    fixed: Sequence[Sequence[str]],
    sampled: Mapping[str, Dimension],
    defaults: Mapping[str, Any],
    registry: Registry,
) -> Contender:
    taken = dict(override.split("=", 1) for override in chosen)
    optimizer = taken.get("optimizer", str(defaults["optimizer"]))
    # A configuration file of the user's own has a name that no plugin knows
    known = optimizer in registry.options("optimizer")
    own = space_of(registry.component("optimizer", optimizer)) if known else {}
    keys = {f"optimizer.{field}": dimension for field, dimension in own.items()}
    for wrapper in _wrappers(taken.get(WRAPPER, defaults[WRAPPER]), registry):
        around = space_of(registry.component(WRAPPER, wrapper))
        keys |= {f"{WRAPPER}.{wrapper}.{field}": dimension for field, dimension in around.items()}
    # What is sampled for all contenders comes first: a point then means the same for each of them
    space = {**sampled, **{k: d for k, d in keys.items() if k not in sampled and k not in taken}}
    if not space:
        raise ConfigurationError(
            f"Nothing to sample for optimizer={optimizer}: "
            + ("its search space is fixed" if own else "it states no search space")
            + ". Sample another setting, as in optimizer.lr=tag(log,interval(1e-4,1)), or train every "
            "listed value with hydra/sweeper=grid."
        )
    listed = [one for one, choices in zip(chosen, fixed, strict=True) if len(choices) > 1]
    name = dict.fromkeys([f"optimizer={optimizer}", *sorted(listed)])
    return Contender(" ".join(name), tuple(chosen), space)


def _wrappers(chosen: str | Sequence[str], registry: Registry) -> list[str]:
    """Those of a choice: a list of names, or the text of an override."""
    if isinstance(chosen, str):
        chosen = [name.strip() for name in chosen.strip("[]").split(",")]
    return [name for name in chosen if name in registry.options(WRAPPER)]


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
    """The value of an override as text, or each of those it lists."""
    if override.is_sweep_override():
        return [as_typed(text) for text in override.sweep_string_iterator()]
    return [as_typed(override.get_value_element_as_str())]


def _dimension(override: Override) -> Dimension:
    """What `choice`, `range` and `interval` stand for."""
    if override.key_or_group in ("optimizer", WRAPPER):
        kind, listed = override.key_or_group, {"optimizer": "sgd,adam", WRAPPER: f"{NONE},ema"}
        raise ConfigurationError(
            f"{override.input_line!r}: {kind}s are not sampled, so that each gets the same number of "
            f"trials. List them, as in {kind}={listed[kind]}."
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

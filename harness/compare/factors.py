"""What runs are called by their configuration: the labels of factors, and the settings within them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.configuration.settings import GROUPS, NONE, WRAPPER
from harness.errors import ConfigurationError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["decides_nothing", "factors_of", "is_noise", "labels", "setting_texts", "varying"]

FIRST = ("optimizer", WRAPPER, "initializer")  # what this program compares above all
NAMED = (*GROUPS, WRAPPER)  # keys whose values are names of components

Group = tuple[Any, ...]  # a contender and a task


def labels(params: DataFrame, keys: Sequence[str]) -> Series:
    """The name that these keys give each run: "adam, he_normal", "sgd + sam", or "optimizer.lr=0.1".

    The name of a component speaks for itself; any other value needs its key. An optimizer without
    wrappers is called by its name alone.
    """
    if not keys:
        from pandas import Series

        return Series("all", index=params.index)
    parts = {key: _texts(params[key], "" if key in NAMED else f"{key}=") for key in keys}
    if WRAPPER in parts:
        # "none is ahead" would read as if nobody were ahead
        chosen = parts[WRAPPER] != NONE
        parts[WRAPPER] = parts[WRAPPER].where(chosen, f"{WRAPPER}={NONE}")
        if "optimizer" in parts:
            around = " + " + parts.pop(WRAPPER).str.replace("+", " + ")
            parts["optimizer"] = parts["optimizer"] + around.where(chosen, "")
    joined, *rest = parts.values()
    for part in rest:
        joined = joined + ", " + part
    return joined


def factors_of(params: DataFrame, tasks: Sequence[str]) -> tuple[str, ...]:
    """The default factors: the components that vary within a task, or the optimizer alone where nothing
    varies.

    Raises ConfigurationError where only other keys vary; the message lists them.
    """
    task = labels(params, tasks)
    varied = set().union(*varying(params, [task], tasks).values())
    if not varied:
        return FIRST[:1]
    components = tuple(key for key in FIRST if key in varied)
    components += tuple(key for key in GROUPS if key in varied and key not in FIRST)
    if not components:
        keys = sorted(varied)
        raise ConfigurationError(
            f"No optimizer, initializer or other component varies among these runs, but this does: "
            f"{', '.join(keys)}. Name what is to be compared: --by {keys[0]}"
        )
    return components


def decides_nothing(key: str) -> bool:
    """Whether a key is no hyperparameter, so that no setting contains it.

    `training.test` is one: it is off where settings are chosen and on where they are judged.

    >>> decides_nothing("tracking.phase"), decides_nothing("seed"), decides_nothing("optimizer.lr")
    (True, True, False)
    """
    return key in ("seed", "skip_finished", "training.test") or key.startswith("tracking.")


def is_noise(key: str) -> bool:
    """Whether a key is the seed of a part of a run. Nothing can be gained by choosing it.

    >>> is_noise("split.seed"), is_noise("dataset.seed"), is_noise("optimizer.lr")
    (True, True, False)
    """
    return key.endswith(".seed")


def varying(
    params: DataFrame, groups: Sequence[Series], factors: Collection[str]
) -> dict[Group, list[str]]:
    """The hyperparameters whose values differ within each group.

    Args:
        params: The parameters of runs.
        groups: Labels of the runs, by which they are grouped.
        factors: Keys to leave out.
    """
    candidates = [
        key
        for key in params
        if key not in factors
        and not decides_nothing(key)
        and not is_noise(key)
        and params[key].nunique(dropna=False) > 1
    ]
    if not candidates:
        return {}
    values = params[candidates].groupby(list(groups), sort=False).nunique(dropna=False)
    return {
        _key(group): [key for key, count in zip(candidates, counts, strict=True) if count > 1]
        for group, counts in zip(values.index, values.to_numpy(), strict=True)
    }


def setting_texts(
    params: DataFrame, groups: Sequence[Series], keys_by_group: Mapping[Group, Sequence[str]]
) -> Series:
    """The setting of each run as on a command line, from the keys that vary within its group."""
    from pandas import Series, concat

    if not keys_by_group:
        return Series("", index=params.index)
    parts = []
    for group, rows in params.groupby(list(groups), sort=False):
        text = Series("", index=rows.index)
        for number, key in enumerate(keys_by_group[_key(group)]):
            text = text + (" " if number else "") + _texts(rows[key], f"{key}=")
        parts.append(text)
    return concat(parts).reindex(params.index)


def _key(group: Any) -> Group:
    return group if isinstance(group, tuple) else (group,)


def _texts(values: Series, prefix: str) -> Series:
    return prefix + values.fillna("-").astype(str)

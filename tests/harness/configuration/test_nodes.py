from dataclasses import dataclass, field
from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError

from harness.configuration.nodes import node_of


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Component:
    options: dict[str, Any] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


@pytest.fixture
def tree():
    """As Hydra composes: merged into a tree that takes no new keys."""
    merged = OmegaConf.merge({"part": None}, {"part": node_of(Component)})
    OmegaConf.set_struct(merged, True)
    return merged


def test_a_field_that_is_a_dict_takes_any_key(tree):
    tree.part.options.momentum = 0.9
    OmegaConf.update(tree, "part.options.betas", [0.8, 0.9], merge=True)
    component = OmegaConf.to_object(tree.part)
    assert component == Component({"momentum": 0.9, "betas": [0.8, 0.9]})


@pytest.mark.parametrize("key", ["part.option", "part.inner.siz"])
def test_other_nodes_take_the_keys_of_their_class_alone(tree, key):
    with pytest.raises(ConfigAttributeError):
        OmegaConf.update(tree, key, 1, merge=True)

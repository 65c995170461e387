"""What `harness plugins --json` says of search spaces."""

from __future__ import annotations

import json

from harness.registry.catalogue import as_json
from harness.search_space import Range


def test_search_spaces_are_listed_with_their_scales(registry):
    plugins = {plugin["name"]: plugin for plugin in json.loads(as_json(registry))}
    optimizers = plugins["optimizer-harness:optimizers"]["components"]["optimizer"]
    assert optimizers["sgd"]["search_space"] == {
        "lr": {"low": 1e-3, "high": 10, "scale": "log", "meaning": "a step is η times the gradient"}
    }
    for name, shown in optimizers.items():
        space = registry.component("optimizer", name).search_space
        assert {k: Range(**v) for k, v in shown["search_space"].items()} == space
    losses = plugins["optimizer-harness:losses"]["components"]["loss"]
    assert all("search_space" not in shown for shown in losses.values())

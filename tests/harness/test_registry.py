"""Plugins of every kind of bad behaviour, as real modules behind real entry points."""

from __future__ import annotations

import sys
import textwrap
from importlib.metadata import Distribution, EntryPoint

import pytest

from harness.errors import ConfigurationError, PluginError
from harness.registry import GROUP, KINDS, Registry, load_registry, registry_from

GOOD = """
    from dataclasses import dataclass
    import harness

    @dataclass(frozen=True)
    class Rule:
        lr: float = 0.1

    @harness.hookimpl
    def harness_optimizers():
        return {"rule": Rule}
"""


class Installed(Distribution):
    """A distribution with a name and a version, as installed metadata would give it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename):
        return f"Metadata-Version: 2.1\nName: {self._name}\nVersion: 1.2\n"

    def locate_file(self, path):
        return path


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes a module importable and returns its entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(module, source, distribution="acme"):
        sys.modules.pop(module, None)  # of an earlier test
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        point = EntryPoint(module, module, GROUP)
        vars(point)["dist"] = Installed(distribution)
        return point

    return make


def test_a_plugin_brings_its_components(install):
    registry = registry_from([install("plugin_good", GOOD)])
    assert registry.names("optimizer") == ["rule"]
    assert registry.component("optimizer", "rule").__name__ == "Rule"
    plugin = registry.provider("optimizer", "rule")
    assert (plugin.name, plugin.distribution, plugin.version) == ("acme:plugin_good", "acme", "1.2")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"),
        (
            GOOD.replace("harness_optimizers", "harness_optimisers"),
            "Did you mean 'harness_optimizers'",
        ),
        (GOOD.replace("@harness.hookimpl", ""), "lacks the decorator @harness.hookimpl"),
        (GOOD.replace("(frozen=True)", ""), "must be frozen"),
        (GOOD.replace('{"rule": Rule}', '{"rule": 3}'), "must be a frozen dataclass"),
        (GOOD.replace("optimizers", "auxiliary_losses"), "must have no fields"),
    ],
)
def test_a_broken_plugin_is_reported_and_hurts_nobody_else(install, source, message):
    bad = install("plugin_bad", source.replace('{"rule"', '{"other"'), "bad-dist")
    good = install("plugin_good", GOOD)
    with pytest.warns(UserWarning, match="bad-dist:plugin_bad"):
        registry = registry_from([bad, good])
    assert registry.names("optimizer") == ["rule"]
    (broken,) = registry.broken
    assert message in broken.error


def test_two_components_of_one_name_are_refused_naming_both_distributions(install):
    one, two = install("plugin_one", GOOD, "first-dist"), install("plugin_two", GOOD, "second-dist")
    with pytest.raises(PluginError, match=r"first-dist.*second-dist"):
        registry_from([one, two])


def test_an_unknown_name_suggests_the_nearest(registry: Registry):
    with pytest.raises(
        ConfigurationError, match=r"Unknown auxiliary loss 'zloss'. Did you mean 'z_loss'"
    ):
        registry.component("auxiliary_loss", "zloss")


def test_everything_first_party_comes_through_entry_points_and_loads():
    registry = load_registry()
    assert not registry.broken
    expected = {
        "backend": {"numpy", "torch"},
        "optimizer": {"sgd", "heavy_ball", "averaged_momentum", "nesterov", "adam", "adamw"},
        "schedule": {"constant", "step", "exponential", "cosine"},
    }
    for kind, names in expected.items():
        assert names <= set(registry.names(kind))
    assert all(registry.names(kind) for kind in KINDS)

"""Plugins of every kind of bad behaviour, as real modules behind real entry points."""

from __future__ import annotations

import signal
import sys
import textwrap
from importlib.metadata import Distribution, EntryPoint

import pytest

from harness.errors import ConfigurationError, PluginError
from harness.registry.registry import GROUP, KINDS, Registry, load_registry, registry_from

GOOD = """
    from dataclasses import dataclass
    from typing import ClassVar
    import harness

    @dataclass(frozen=True)
    class Rule:
        lr: float = 0.1
        scope: ClassVar[harness.Scope] = harness.Scope.ELEMENT
        def init(self, theta): return {}
        def step(self, theta, gradient, state, *, lr, t): return theta, state

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
    assert message in broken.problems[0]


def test_a_name_of_two_distributions_is_refused_when_it_is_used_naming_both(install):
    first, second = (
        install("plugin_one", GOOD, "first-dist"),
        install("plugin_two", GOOD, "second-dist"),
    )
    registry = registry_from([first, second])
    assert registry.names("optimizer") == ["first-dist:rule", "second-dist:rule"]
    with pytest.raises(PluginError, match=r"first-dist.*second-dist"):
        registry.component("optimizer", "rule")
    chosen = registry.component("optimizer", "Second_Dist:rule")
    assert chosen.__module__ == "plugin_two"
    assert registry.name_of(chosen) == "second-dist:rule"


def test_a_short_name_belongs_to_harness_where_it_claims_it(install):
    own, other = (
        install("plugin_one", GOOD, "optimizer-harness"),
        install("plugin_two", GOOD, "second-dist"),
    )
    registry = registry_from([other, own])
    assert registry.names("optimizer") == ["rule", "second-dist:rule"]
    assert registry.component("optimizer", "rule").__module__ == "plugin_one"
    assert registry.component("optimizer", "optimizer-harness:rule").__module__ == "plugin_one"


def test_a_class_that_another_plugin_hands_out_again_stays_with_whose_it_is(install):
    own = install("plugin_one", GOOD, "optimizer-harness")
    source = """
        import harness, plugin_one

        @harness.hookimpl
        def harness_optimizers():
            return {"alias": plugin_one.Rule}
    """
    registry = registry_from([install("plugin_again", source, "again"), own])
    assert registry.name_of(registry.component("optimizer", "again:alias")) == "rule"


def test_what_is_blocked_is_not_imported(install):
    bad = install("plugin_bad", "1 / 0", "bad-dist")
    for name in ("bad-dist", "bad-dist:plugin_bad", "*"):
        registry = registry_from([bad], frozenset({name}))
        assert [plugin.blocked for plugin in registry.plugins] == [True]
        assert not registry.broken


def test_ctrl_c_while_a_plugin_is_imported_is_not_its_fault(install):
    """A KeyboardInterrupt that the module raises is; see the tests of strangers."""
    source = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"
    with pytest.raises(KeyboardInterrupt):
        registry_from([install("plugin_slow", source)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


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


def test_a_name_of_another_kind_is_said_to_be_one(registry):
    """SAM is sold as an optimizer elsewhere."""
    with pytest.raises(ConfigurationError, match="'sam' is a wrapper: wrapper=sam"):
        registry.component("optimizer", "sam")
    with pytest.raises(ConfigurationError, match="'adam' is an optimizer: optimizer=adam"):
        registry.component("wrapper", "adam")

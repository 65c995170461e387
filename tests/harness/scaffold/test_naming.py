from __future__ import annotations

import pytest

from harness.errors import ConfigurationError
from harness.registry.registry import KINDS, Plugin, Registry
from harness.scaffold.naming import PackageNames, package_names


@pytest.mark.parametrize("name", ["my-rule", "my_rule"])
def test_everything_is_called_after_the_component(registry, name):
    names = package_names("optimizer", name, registry)
    assert (names.component, names.cls) == ("my_rule", "MyRule")
    assert (names.distribution, names.module) == ("harness-my-rule", "harness_my_rule")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_with_hyphens_and_with_underscores(registry, kind):
    expected = PackageNames(kind, "l2_norm")
    assert package_names(kind, "l2-norm", registry) == expected
    assert package_names(kind.replace("_", "-"), "l2-norm", registry) == expected


def refusal(registry, name, kind="optimizer"):
    with pytest.raises(ConfigurationError) as raised:
        package_names(kind, name, registry)
    return str(raised.value)


def test_an_unknown_kind(registry):
    assert refusal(registry, "my-rule", kind="optimiser") == (
        "Unknown kind of component 'optimiser'. Did you mean 'optimizer'? Allowed: auxiliary-loss, "
        "backend, dataset, initializer, loss, optimizer, schedule, wrapper."
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", "1d", "My-Rule", "my rule", "my.rule", "my--rule", "-rule", "rule-", "_", "règle"),
        *("../rule", "/rule", "my\nrule", "{{ name }}", "x" * 33),
    ],
)
def test_what_is_not_a_name(registry, name):
    message = refusal(registry, name)
    assert "lower-case letters and digits" in message
    assert "as in my-rule" in message
    assert message.endswith(f"Got {name!r}.")


def test_the_longest_and_the_shortest_name(registry):
    assert package_names("loss", "x" * 32, registry).component == "x" * 32
    assert package_names("loss", "x", registry).cls == "X"


def test_the_name_of_the_package_in_place_of_that_of_the_component(registry):
    assert refusal(registry, "harness-my-rule") == (
        "The package of a component is called harness-NAME automatically. Give 'my-rule' as the name; "
        "got 'harness-my-rule'."
    )


@pytest.mark.parametrize("name", ["lambda", "class", "nan", "null", "true", "auto"])
def test_what_means_something_else(registry, name):
    message = refusal(registry, name)
    assert message.startswith(f"{name!r} has another meaning in Python or on the command line")
    assert message.endswith(f"Choose another name, as in my-{name}.")


@pytest.mark.parametrize(
    "name", ["none", "warning", "state", "scope", "any", "class-var", "back-propagation"]
)
def test_a_class_that_would_hide_another_one(registry, name):
    message = refusal(registry, name)
    assert f"would be called {PackageNames('optimizer', name.replace('-', '_')).cls}," in message
    assert message.endswith(f"Choose another name, as in my-{name}.")


@pytest.mark.parametrize("name", ["adam", "heavy-ball"])
def test_a_component_of_harness(registry, name):
    message = refusal(registry, name)
    assert f"{name.replace('-', '_')!r} is the name of an installed optimizer" in message
    assert message.endswith("Choose another name.")


def test_a_component_of_another_kind(registry):
    assert "an installed dataset" in refusal(registry, "moons")


def test_a_component_of_somebody_else():
    acme = Plugin("acme:rules", "acme", "2.5", "acme", {"optimizer": {"lion": object}})
    message = refusal(Registry([acme]), "lion")
    assert "from the distribution acme 2.5" in message
    assert message.endswith("or uninstall that one: pip uninstall acme")


def test_a_module_that_is_installed(registry):
    message = refusal(registry, "optimizers")
    assert "imported as harness_optimizers" in message
    assert message.endswith("Choose another name.")


def test_a_name_that_the_core_uses_itself_is_refused_for_the_kind_that_it_matters_to(registry):
    with pytest.raises(ConfigurationError, match="No loss can be called 'accuracy'"):
        package_names("loss", "accuracy", registry)
    assert package_names("dataset", "accuracy", registry).component == "accuracy"

"""Which components the words of a command name."""

from __future__ import annotations

import types

import pytest

from harness.errors import ConfigurationError, PluginError
from harness.registry.registry import Plugin, Registry
from harness.testing.selection import all_subjects, subjects_named, subjects_of_plugins


def labels(subjects):
    return [subject.label for subject in subjects]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["adam"], ["optimizer=adam"]),
        (["optimizer=adam", "adam"], ["optimizer=adam"]),
        (["schedule=constant", "z_loss"], ["schedule=constant", "auxiliary_loss=z_loss"]),
        (["numpy"], ["backend=numpy"]),
        (["optimizer-harness:numpy"], ["backend=numpy"]),
        (["harness_numpy"], ["backend=numpy"]),
    ],
)
def test_a_word_is_a_component_or_a_plugin(first_party, words, expected):
    assert labels(subjects_named(first_party, words)) == expected


def test_a_distribution_is_all_of_its_components(first_party):
    assert sorted(labels(subjects_named(first_party, ["optimizer-harness"]))) == sorted(
        labels(all_subjects(first_party))
    )


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "adm",
            "Unknown component or plugin 'adm'. Did you mean 'adam'? Allowed: absolute_error, ",
        ),
        ("optimizer=adm", "Unknown optimizer 'adm'. Did you mean 'adam'? Allowed: adabelief, "),
        ("optimiser=adam", "Unknown kind of component 'optimiser'. Did you mean 'optimizer'?"),
        (
            "constant",
            "is the name of 2 components. Write schedule=constant or initializer=constant.",
        ),
    ],
)
def test_a_word_that_means_nothing_or_too_much_is_refused(first_party, word, message):
    with pytest.raises(ConfigurationError) as error:
        subjects_named(first_party, [word])
    assert message in str(error.value)


def test_a_plugin_that_did_not_load_says_why():
    broken = Plugin("acme:mine", "acme", "1", "mine", error="SyntaxError: invalid syntax")
    with pytest.raises(PluginError, match="acme:mine did not load completely: SyntaxError"):
        subjects_named(Registry([broken]), ["acme"])


def test_a_module_without_hooks_has_nothing_to_check(first_party):
    with pytest.raises(PluginError, match="no component to check in empty"):
        subjects_of_plugins(first_party, [types.ModuleType("empty")], {})


def test_an_example_for_a_component_that_is_not_there_is_refused(first_party):
    import harness_schedules

    with pytest.raises(ConfigurationError, match=r"'cosin'\. Did you mean 'cosine'"):
        subjects_of_plugins(
            first_party, [harness_schedules], {"cosin": harness_schedules.Cosine(0.5)}
        )

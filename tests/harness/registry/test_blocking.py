from __future__ import annotations

import os

import pytest

from harness.registry.blocking import BLOCKED, blocked, blocking, flag_for, is_blocked, without_flag


@pytest.mark.parametrize(
    ("words", "rest", "names"),
    [
        (["train", "seed=1"], ["train", "seed=1"], set()),
        (["train", "--no-plugins", "seed=1"], ["train", "seed=1"], {"*"}),
        (["--no-plugins=One_Lynx:rules,twins", "train"], ["train"], {"one-lynx:rules", "twins"}),
        (["--no-plugins=a", "train", "--no-plugins=b,"], ["train"], {"a", "b"}),
        (["--no-plugins=a", "--no-plugins"], [], {"a", "*"}),
        (["--no-pluginsx", "a=--no-plugins"], ["--no-pluginsx", "a=--no-plugins"], set()),
    ],
)
def test_the_flag_may_stand_anywhere_and_more_than_once(words, rest, names):
    assert without_flag(words) == (rest, names)


@pytest.mark.parametrize("names", [set(), {"*"}, {"a"}, {"a", "b:c"}])
def test_the_flag_for_names_blocks_these_names(names):
    assert without_flag(flag_for(frozenset(names))) == ([], names)


def test_blocking_adds_to_the_environment_and_takes_back_what_it_added(monkeypatch):
    monkeypatch.setenv(BLOCKED, "One_Lynx, ")
    with blocking(["twins"]):
        assert blocked() == {"one-lynx", "twins"}
        with blocking(["*"]):
            assert blocked() == {"one-lynx", "twins", "*"}
        assert blocked() == {"one-lynx", "twins"}
    assert os.environ[BLOCKED] == "One_Lynx, "
    monkeypatch.delenv(BLOCKED)
    with blocking(["twins"]):
        assert os.environ[BLOCKED] == "twins"
    assert BLOCKED not in os.environ


@pytest.mark.parametrize(
    ("plugin", "names", "expected"),
    [
        ("twins:a", {"twins"}, True),
        ("twins:a", {"twins:a"}, True),
        ("twins:b", {"twins:a"}, False),
        ("twins:a", {"*"}, True),
        ("twins:a", set(), False),
    ],
)
def test_a_distribution_blocks_all_its_plugins(plugin, names, expected):
    assert is_blocked(plugin, frozenset(names)) == expected


def test_harness_own_plugins_are_blocked_by_name_alone(registry):
    own = next(plugin.name for plugin in registry.plugins if plugin.own)
    assert not is_blocked(own, frozenset({"*"}))
    assert is_blocked(own, frozenset({own}))

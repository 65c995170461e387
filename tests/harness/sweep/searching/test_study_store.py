"""Where studies are kept, and by whom."""

from __future__ import annotations

import pytest

from harness.errors import ConfigurationError
from harness.sweep.searching.study_store import SAMPLERS, StudyStore, sampler_of

optuna = pytest.importorskip("optuna")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'sub' / 'optuna.db'}"


def test_a_study_is_found_again_under_its_name(url):
    with StudyStore(url) as store:
        store.study("a").tell(store.study("a").ask(), 0.5)
        assert store.study("a").direction.name == "MAXIMIZE"
    with StudyStore(url) as store:
        assert [trial.value for trial in store.study("a").get_trials()] == [0.5]
        assert store.study("b").get_trials() == []


def test_one_search_at_a_time_uses_a_file(url):
    with StudyStore(url), pytest.raises(ConfigurationError, match=r"Another search is using .*db"):
        StudyStore(url)
    with StudyStore(url):
        pass


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nowhere", "hydra.sweeper.storage=nowhere cannot be opened: Could not parse"),
        ("mongo://u:secret@h/n", r"=mongo://u:\*\*\*@h/n cannot be opened: Can't load"),
        ("sqlite:////proc/none/o.db", "cannot be opened: .*No such file"),
        ("postgresql://u:secret@127.0.0.1:9/n", r"\*\*\*@127.0.0.1:9/n cannot be"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(url, message):
    with pytest.raises(ConfigurationError, match=message) as refused:
        StudyStore(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_samplers_are_made_by_name():
    kinds = {name: type(sampler_of(name, 0)).__name__ for name in SAMPLERS if name != "gp"}
    assert kinds == {"tpe": "TPESampler", "random": "RandomSampler"}
    with pytest.raises(ConfigurationError, match="Unknown sampler 'cma'"):
        sampler_of("cma", 0)

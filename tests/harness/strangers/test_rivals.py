"""Two distributions that give different things one name, and plugins that are blocked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.strangers.conftest import Distribution, Site, rule

pytestmark = pytest.mark.slow

QUICK = (
    "dataset=iris",
    "training.max_epochs=1",
    "tracking.log_model=false",
    "tracking.picture=false",
)

PENALTY = '''

@dataclass(frozen=True)
class Penalty:
    """{factor} times the mean square of the outputs."""

    reads: ClassVar[str] = "output"
    output_activations: ClassVar[frozenset[str]] = frozenset({{"softmax"}})

    def value(self, values):
        xp = harness.array_namespace(values)
        return {factor} * xp.mean(xp.mean(values * values, axis=-1), axis=-1)

    def gradient(self, values):
        return 2 * {factor} * values / (values.shape[-1] * values.shape[-2])

@harness.hookimpl
def harness_auxiliary_losses():
    return {{"penalty": Penalty}}
'''

SPACE = """
    search_space: ClassVar = {"lr": harness.Range(0.5, 0.6)}
    scope:"""

# Imported is what leaves a file behind
MARK = """
import os, pathlib
pathlib.Path(os.environ["MARKS"], __name__).touch()
"""


def marked(source: str) -> str:
    return source.replace("import harness\n", "import harness\n" + MARK, 1)


@pytest.fixture(scope="module")
def site(install) -> Path:
    one = marked(rule("lynx", lr=0.25)).replace("\n    scope:", SPACE) + PENALTY.format(factor=1.0)
    two = marked(rule("lynx", lr=0.5)) + PENALTY.format(factor=2.0)
    return install(
        Distribution("one-lynx", {"one_lynx": one}),
        Distribution("Two_Lynx", {"two_lynx": two}, version="2.0"),
        Distribution("false-adam", {"false_adam": marked(rule("adam", lr=9.0))}),
        Distribution("twins", {"twin_a": marked(rule("twin")), "twin_b": marked(rule("twin"))}),
    )


class Marked(Site):
    """A site whose plugins say when they are imported."""

    def harness(self, *arguments: str, **variables: str):
        (self.folder / "marks").mkdir(exist_ok=True)
        return super().harness(*arguments, MARKS=str(self.folder / "marks"), **variables)

    def imported(self) -> set[str]:
        """The modules that were imported since the last time."""
        marks = list((self.folder / "marks").iterdir())
        for mark in marks:
            mark.unlink()
        return {mark.name for mark in marks}


EVERYBODY = {"one_lynx", "two_lynx", "false_adam", "twin_a", "twin_b"}


@pytest.fixture
def here(site, tmp_path) -> Site:
    return Marked(site, tmp_path)


def test_a_contested_name_hurts_nobody_until_it_is_used(here):
    done = here.harness("train", *QUICK, "optimizer=sgd")
    assert done.returncode == 0, done.stderr
    assert "warning: The plugin" not in done.stderr
    refused = here.harness("train", "optimizer=lynx")
    assert refused.returncode == 2
    assert refused.stderr == (
        "harness: error: 'lynx' may mean two things: optimizer 'lynx' of the plugin one-lynx:one_lynx "
        "(one-lynx 1.0) and optimizer 'lynx' of the plugin two-lynx:two_lynx (two-lynx 2.0). Choose "
        "one by its full name: one-lynx:lynx or two-lynx:lynx.\n"
    )
    preset = here.folder / "own" / "experiment"
    preset.mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - override /optimizer: {}\n"
    (preset / "short.yaml").write_text(text.format("lynx"))
    (preset / "full.yaml").write_text(text.format("two-lynx:lynx"))
    own = ("--config-dir", str(here.folder / "own"))
    refused = here.harness("train", *own, "experiment=short")
    assert refused.returncode == 2
    assert "'lynx' may mean two things" in refused.stderr
    shown = here.harness("train", *own, "experiment=full", "--cfg", "job")
    assert "optimizer:\n  lr: 0.5\n" in shown.stdout


def test_a_full_name_chooses_one_in_runs_and_sweeps(here):
    chosen = ["adam", "one-lynx:lynx", "two-lynx:lynx", "false-adam:adam"]
    done = here.harness("train", "-m", *QUICK, f"optimizer={','.join(chosen)}")
    assert done.returncode == 0, done.stderr
    results = here.results()
    assert [one["names"]["optimizer"] for one in results] == chosen
    assert [one["status"] for one in results] == ["finished"] * 4
    configurations = here.configurations()
    assert [one["optimizer.lr"] for one in configurations] == ["0.001", "0.25", "0.5", "9.0"]
    identities = {line for path in here.folder.rglob("identities*") for line in _texts(path)}
    assert len(identities) == 4
    assert all(text in done.stdout for text in chosen)  # the table of the sweep

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{here.folder / 'outputs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("harness").experiment_id
    runs = client.search_runs([experiment], "tags.kind = 'run'")
    assert {run.data.tags["optimizer"] for run in runs} == set(chosen)
    lynx = next(run for run in runs if run.data.tags["optimizer"] == "two-lynx:lynx")
    assert lynx.data.tags["plugin/two-lynx:two_lynx"] == "2.0"


def _texts(path: Path) -> list[str]:
    found = json.loads(path.read_text()) if path.suffix == ".json" else path.read_text().split()
    return [str(one) for one in found]


def test_a_short_name_of_harness_stays_what_it_was(here):
    shown = here.harness("train", "--cfg", "job", "optimizer=adam")
    assert "optimizer:\n  lr: 0.001\n" in shown.stdout
    named = here.harness("train", "--cfg", "job", "optimizer=optimizer-harness:adam")
    assert "optimizer:\n  lr: 0.001\n" in named.stdout
    listed = here.plugins()
    assert list(listed["false-adam:false_adam"]["components"]["optimizer"]) == ["false-adam:adam"]


def test_a_full_name_has_its_search_space(here):
    done = here.harness(
        "train", "-m", *QUICK, "hydra/sweeper=sobol", "hydra.sweeper.trials=2",
        "optimizer=one-lynx:lynx,sgd",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rates = [
        float(one["optimizer.lr"])
        for one in here.configurations()
        if one["optimizer"] == "one-lynx:lynx"
    ]
    assert len(rates) == 2
    assert all(0.5 <= rate <= 0.6 for rate in rates)


def test_a_contested_auxiliary_loss_has_a_key_of_its_own(here):
    refused = here.harness("train", *QUICK, "objective.auxiliary.penalty=1")
    assert refused.returncode == 2
    assert "one_lynx__penalty or two_lynx__penalty" in refused.stderr
    done = here.harness("train", *QUICK, "objective.auxiliary.two_lynx__penalty=0.5")
    assert done.returncode == 0, done.stderr
    (metrics,) = here.files("metrics.csv")
    assert "train/two_lynx__penalty" in metrics.read_text()


def test_two_plugins_of_one_distribution_are_told_apart_by_leaving_one_out(here):
    for name in ("twin", "twins:twin"):
        refused = here.harness("train", f"optimizer={name}")
        assert refused.returncode == 2
        assert "Leave one of them out with --no-plugins=twins:twin_b." in refused.stderr
    done = here.harness("train", "--cfg", "job", "optimizer=twin", "--no-plugins=twins:twin_b")
    assert "optimizer:\n  lr: 0.1\n" in done.stdout


def test_completion_knows_full_names(here):
    line = "harness train optimizer=one-"
    done = here.harness("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert done.stdout.split() == ["optimizer=one-lynx:lynx"]
    here.imported()
    line = "harness --no-plugins train optimizer=one-"
    done = here.harness("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert done.stdout.split() == []
    assert here.imported() == set()


# --- blocked --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "variables", "blocked"),
    [
        (["--no-plugins=Two-Lynx"], {}, {"two_lynx"}),
        (["--no-plugins=twins:twin_a,false_adam"], {}, {"twin_a", "false_adam"}),
        (["--no-plugins=twins", "--no-plugins=one-lynx"], {}, {"twin_a", "twin_b", "one_lynx"}),
        (["--no-plugins"], {}, EVERYBODY),
        ([], {"HARNESS_BLOCKED_PLUGINS": "twins, one-lynx"}, {"twin_a", "twin_b", "one_lynx"}),
        (
            ["--no-plugins=false-adam"],
            {"HARNESS_BLOCKED_PLUGINS": "one-lynx"},
            {"one_lynx", "false_adam"},
        ),
    ],
)
def test_what_is_blocked_is_not_imported(here, arguments, variables, blocked):
    done = here.harness("train", "--cfg", "job", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    assert here.imported() == EVERYBODY - blocked


def test_a_blocked_plugin_is_listed_as_such_and_named_where_it_is_missed(here):
    listed = here.plugins("--no-plugins")
    assert all(one["blocked"] and not one["loaded"] and not one["error"] for one in listed.values())
    assert (
        "one-lynx:one_lynx  (version 1.0, module one_lynx)  BLOCKED"
        in here.harness("plugins", "--no-plugins").stdout
    )
    missed = here.harness("train", "optimizer=one-lynx:lynx", "--no-plugins=one-lynx")
    assert missed.returncode == 2
    assert "Blocked: one-lynx:one_lynx" in missed.stderr


def test_with_a_rival_blocked_the_short_name_is_free(here):
    done = here.harness("train", *QUICK, "optimizer=lynx", "--no-plugins=two-lynx")
    assert done.returncode == 0, done.stderr
    (result,) = here.results()
    assert result["names"]["optimizer"] == "lynx"


def test_a_misspelt_name_blocks_nothing_and_is_warned_of(here):
    done = here.harness("train", "--cfg", "job", "--no-plugins=one-lnyx")
    assert "no such plugin is installed. Did you mean 'one-lynx'?" in done.stderr


LAUNCHERS = {  # and what each needs
    "basic": "hydra",
    "fused": "harness",
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "ray": "ray",
    "slurm": "submitit",
}


@pytest.mark.parametrize(
    "launcher",
    # What a Slurm task is sent is what a Ray worker is sent
    [pytest.param(name, marks=pytest.mark.full if name == "ray" else ()) for name in LAUNCHERS],
)
def test_all_launchers_block_and_choose_alike(here, launcher):
    pytest.importorskip(LAUNCHERS[launcher])
    more = ["hydra.launcher.cluster=local"] if launcher == "slurm" else []
    done = here.harness(
        "train", "-m", *QUICK, f"hydra/launcher={launcher}", *more, "seed=0,1",
        "optimizer=two-lynx:lynx", "--no-plugins=one-lynx,twins",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert here.imported() == {"two_lynx", "false_adam"}
    assert [one["status"] for one in here.results()] == ["finished"] * 2
    # without its rival the name is the short one
    assert {one["optimizer"] for one in here.configurations()} == {"lynx"}


@pytest.mark.parametrize(
    ("arguments", "variables", "flag"),
    [
        (["--no-plugins"], {}, "--no-plugins"),
        (
            ["--no-plugins=twins"],
            {"HARNESS_BLOCKED_PLUGINS": "Two_Lynx"},
            "--no-plugins=twins,two-lynx",
        ),
    ],
)
def test_the_command_that_completes_a_sweep_blocks_the_same(here, arguments, variables, flag):
    done = here.harness(*arguments, "train", "-m", *QUICK, "seed=0,1", "optimizer=sgd", **variables)
    assert done.returncode == 0, done.stderr

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{here.folder / 'outputs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("harness").experiment_id
    (sweep,) = client.search_runs([experiment], "tags.kind = 'sweep'")
    assert sweep.data.tags["command"].startswith(f"harness {flag} train -m dataset=iris ")

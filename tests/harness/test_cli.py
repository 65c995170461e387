"""The command line as a person meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from harness.cli import main, program
from harness.execution import workers


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harness"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["optimizer=adm"], "Unknown optimizer 'adm'. Did you mean 'adam'? Allowed: adabelief,"),
        (["-m", "optimizer=adam,sdg"], "Unknown optimizer 'sdg'. Did you mean 'sgd'?"),
        (["-m", "dataset=iris", "seed=0,1", "initializer=he_normal,hee_normal"], "'he_normal'"),
        (["optimzer=adam"], "Unknown key 'optimzer'. Did you mean 'optimizer'?"),
        (["+foo=1"], "Unknown key 'foo'"),
        (["+optimizer=adam"], "Write it without the prefix, as in optimizer=adam"),
        (["++training.batch_size=3"], "as in training.batch_size=3"),
        (["~optimizer"], "nothing can be added to or removed"),
        (["optimizer.lrr=1"], "Unknown key 'optimizer.lrr'. Did you mean 'optimizer.lr'?"),
        (["training.batchsize=1"], "Did you mean 'training.batch_size'?"),
        (["objective.auxiliary.zloss=1"], "Did you mean 'objective.auxiliary.z_loss'?"),
        (["optimizer.lr=fast"], "optimizer.lr: Value 'fast' of type 'str' could not be converted"),
        (["seed=1.5"], "seed: Value '1.5' of type 'float' could not be converted to Integer"),
        (["optimizer.lr=-1"], r"'lr' of Adam must be in the range [0, inf). Got -1.0."),
        (["training.batch_size=half"], "must be a positive number of samples or 'full'"),
        (["optimizer.lr=["], "no viable alternative"),
        (["optimizer=adam,sgd"], "Ambiguous value for argument 'optimizer=adam,sgd'"),
        (["experiment=optimisers"], "Unknown experiment 'optimisers'. Did you mean 'optimizers'?"),
        (["loss=squared_error"], "does not fit dataset=digits, whose task is multiclass"),
        (
            ["dataset=moons", "objective.auxiliary.z_loss=1"],
            "needs an output activation of softmax",
        ),
        (["training.stopping.metric=r2"], "must be a logged validation metric: loss, softmax"),
        (["split.validation=0"], "Early stopping needs a validation part"),
        (
            [
                "split.validation=0",
                "training.stopping.patience=null",
                "schedule=reduce_on_plateau",
            ],
            "schedule=reduce_on_plateau watches the validation metric: set split.validation above 0",
        ),
        (["+optimizer._target_=os.system"], "names registered components and never code"),
        (["hydra.launcher._target_=os.system"], "names registered components and never code"),
        (["--experimental-rerun", "x.pickle"], "reads a pickle"),
        (["hydra/launcher=fuzed"], "Did you mean 'fused'?"),
        (["optimizer=null"], "optimizer takes the name of one component"),
        (["optimizer=[adam,sgd]"], "To train several, use -m optimizer=one,other"),
        (["optimizer=adam,sgd"], "Add -m to train each of them"),
        (
            ["wrapper=emma"],
            "Unknown wrapper 'emma'. Did you mean 'ema'? Allowed: clip_adaptive, clip_",
        ),
        (
            ["wrapper=[ema,emma]"],
            "Unknown wrapper 'emma'. Did you mean 'ema'? Allowed: clip_adaptive",
        ),
        (["-m", "wrapper=none,[ema,emma]"], "Unknown wrapper 'emma'. Did you mean 'ema'?"),
        (
            ["wrapper.ema.decay=0.5"],
            "'wrapper.ema' is set to {'decay': 0.5}, and the wrapper 'ema' is",
        ),
        (
            ["wrapper=clip_norm", "wrapper.ema.decay=0.5"],
            "not chosen. Add wrapper=ema, or put it into",
        ),
        (["-m", "wrapper=ema,none", "wrapper.ema.decay=0.5,0.6"], "'ema' is not chosen"),
        (["wrapper.emma.decay=0.5"], "Unknown wrapper 'emma'. Did you mean 'ema'?"),
        (["wrapper=ema", "wrapper.ema.dekay=0.5"], "Did you mean 'wrapper.ema.decay'?"),
        (["wrapper=ema", "wrapper.ema.decay=2"], "'decay' of Ema must be in the range [0, 1)"),
        (["wrapper=ema", "wrapper.ema=null"], "'wrapper.ema' must be the wrapper 'ema'. Got None."),
        (
            ["wrapper=null"],
            "wrappers are chosen by name. wrapper=ema takes one wrapper, wrapper=[ema,",
        ),
        (["-m", "wrapper=null,ema"], "'wrapper=null,ema': wrappers are chosen by name"),
        (["wrapper={}"], "'wrapper={}': wrappers are chosen by name"),
        (["wrapper=[[ema,clip_norm]]"], "wrappers are chosen by name"),
        (["wrapper=[ema,ema]"], "'wrapper=[ema,ema]': ema is in it twice"),
        (["wrapper=[ema,none]"], "'wrapper=[ema,none]': none stands alone"),
        (
            ["wrapper=ema,clip_norm"],
            "Add -m to train each of them; a list is written with brackets",
        ),
        (["ema.decay=0.5"], "Unknown key 'ema'. Did you mean wrapper.ema?"),
        (["rho=0.1"], "Did you mean wrapper.sam.rho?"),
        (
            ["wrapper=clip_norm", "wrapper.bound=1"],
            "Did you mean wrapper.clip_norm.bound or wrapper.clip_value.bound?",
        ),
        (["network.hidden=64"], "network.hidden is a list: write it with brackets"),
        (["network.hidden=8,16"], "as in network.hidden=[64,32]"),
        (["optimizer:adam"], "Overrides are written key=value"),
        (["lr=0.1"], "Unknown key 'lr'. Did you mean optimizer.lr?"),
        (["max_epochs=3"], "Did you mean training.max_epochs?"),
        (["plugins.blocked=[harness-lion]"], "Unknown key 'plugins'. Allowed: backend, "),
        (["objective.auxiliary=null"], "holds a factor by name"),
        (["objective.auxiliary.z_loss=nan"], "must be a finite number"),
        (["network.hidden=[]", "objective.auxiliary.hidden_l1=1"], "network.hidden=[] has none"),
        (["bias_initializer=orthogonal"], "Take another bias_initializer, such as zeros"),
        (["dataset=table"], "dataset.path has no default: give it a value"),
        (["tracking.against=loss"], "must be one of epoch, rate. Got 'loss'"),
        (
            ["training.steps_per_epoch=0"],
            "'steps_per_epoch' of Training must be in the range [1, inf",
        ),
        (["tracking.experiment="], "'tracking.experiment' needs a name"),
        (["hydra.run.dir=/proc/x"], "/proc/x"),
        (["-m", "tracking.uri=sqlite:///a.db,sqlite:///b.db"], "the same for all runs of a sweep"),
        (["-m", "experiment=demo,optimizers"], "Start one sweep for each"),
        (["-m", "skip_finished=true,false"], "the same for all runs of a sweep"),
        (["-m", "hydra.sweep.subdir=x", "seed=0,1"], "have the same folder"),
        (["-m", "seed=range(5,5)"], "The sweep has no jobs"),
        (["hydra/sweeper=sobol", "optimizer=sgd"], "'hydra/sweeper=sobol' is for a sweep: add -m"),
        (
            ["split.validation=0", "training.stopping.patience=null", "training.halving.factor=2"],
            "Successive halving compares runs on the validation part",
        ),
        (["-m", "optimizer.lr=0.1,-2"], "'lr' of Adam must be in the range"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_no_run(arguments, message, capsys, tmp_path):
    assert main(["train", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("harness: error: ")
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.rglob("mlflow.db"))
    assert not list(tmp_path.rglob("journal.jsonl"))


def test_configuration_files_cannot_name_code(capsys, tmp_path):
    (tmp_path / "own" / "optimizer").mkdir(parents=True)
    (tmp_path / "own" / "optimizer" / "evil.yaml").write_text("_target_: os.getcwd\nlr: 1.0\n")
    assert main(["train", "--config-dir", str(tmp_path / "own"), "optimizer=evil"]) == 2
    assert "'optimizer' must be a registered component" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("optimizer:\n  lrr: 0.1\n", "Unknown key 'optimizer.lrr'. Did you mean 'optimizer.lr'?"),
        ("optimizer:\n  lr: fast\n", "optimizer.lr: Value 'fast' of type 'str' could not be"),
        (
            "plugins:\n  blocked: [a]\n",
            "Unknown key 'plugins'. Allowed: backend, bias_initializer, ",
        ),
        ("seed: [1,\nname: : ", "mine.yaml, line 3, column 7: no valid YAML, expected the node"),
        ("seed: \x01\n", "A file of the configuration is no valid YAML: unacceptable character"),
    ],
)
def test_a_mistake_in_a_file_is_explained_as_one_on_the_command_line(
    lines, message, capsys, tmp_path
):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{lines}")
    assert main(["train", "--config-dir", str(tmp_path / "own"), "experiment=mine"]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_a_component_that_is_no_yaml_is_named(capsys, tmp_path):
    path = tmp_path / "own" / "optimizer" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("lr: [1,\nbeta1: : ")
    for arguments in (["optimizer=mine"], ["-m", "optimizer=sgd,mine"]):
        assert main(["train", "--config-dir", str(tmp_path / "own"), *arguments]) == 2
        assert f"{path}, line 2, column 8: no valid YAML" in capsys.readouterr().err


@pytest.mark.parametrize("training", [True, False])
def test_the_program_does_not_wait_for_threads_that_still_train(training, monkeypatch):
    class Exit(BaseException):
        """The process ends at once."""

    def leave(status: int) -> None:
        raise Exit(status)

    monkeypatch.setattr(workers, "has_abandoned_threads", lambda: training)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "argv", ["harness", "--version"])
    with pytest.raises(Exit if training else SystemExit, match="0"):
        program()


def test_without_arguments_it_says_what_it_can_do(capsys):
    assert main([]) == 0
    assert "harness train" in capsys.readouterr().out


def test_an_unknown_command_suggests_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err


def test_plugins_lists_every_component_with_its_fields(capsys):
    assert main(["plugins", "--json"]) == 0
    plugins = {plugin["name"]: plugin for plugin in json.loads(capsys.readouterr().out)}
    adam = plugins["optimizer-harness:optimizers"]["components"]["optimizer"]["adam"]
    assert adam["fields"] == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-08}
    assert all(plugin["loaded"] for plugin in plugins.values())
    assert main(["plugins"]) == 0
    text = capsys.readouterr().out
    assert "adam " in text
    assert "lr=0.001" in text


def test_cfg_shows_the_composed_configuration(capsys):
    assert main(["train", "--cfg", "job", "optimizer=sgd", "dataset=iris"]) == 0
    shown = capsys.readouterr().out
    assert "optimizer:\n  lr:" in shown
    assert "_target_" not in shown


def test_help_is_hydras_with_the_groups(capsys):
    with pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "optimizer: adabelief, adadelta" in shown


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("harness tr", "train"),
        ("harness s", "sweeps"),
        ("harness train optimizer=adamw", "optimizer=adamw"),
        ("harness train training.max", "training.max_epochs="),
    ],
)
def test_completion(line, expected, capsys, monkeypatch):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == expected.split()


def test_completion_script_is_for_the_command_harness(capsys):
    assert main(["train", "-sc", "install=bash"]) == 0
    assert (
        "complete -o nospace -o default -F hydra_bash_completion harness" in capsys.readouterr().out
    )


@pytest.mark.slow
def test_python_m_harness_is_the_same_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "harness", "train", "optimizer=adm"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("harness: error: Unknown optimizer 'adm'")


@pytest.mark.parametrize(
    "words",
    [
        ["seed=3", "--cfg", "job", "optimizer=sgd"],
        ["--cfg", "job", "seed=3", "optimizer=sgd"],
        ["seed=3", "optimizer=sgd", "--cfg=job", "--package", "_global_"],
    ],
)
def test_flags_may_stand_between_overrides(capsys, words):
    assert main(["train", *words]) == 0
    shown = OmegaConf.create(capsys.readouterr().out)
    assert (shown.seed, shown.optimizer) == (3, {"lr": 0.1})


def test_a_sweep_may_be_asked_for_between_overrides(in_empty_folder):
    short = ["dataset=iris", "training.max_epochs=1", "network.hidden=[4]"]
    assert main(["train", *short, "-m", "seed=0,1"]) == 0
    assert len(list(in_empty_folder.glob("outputs/sweeps/*/*/*/result.json"))) == 2

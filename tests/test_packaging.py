"""What is built from the tree, and what it does once installed beside somebody else's plugin."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from packaging.utils import canonicalize_name

import harness
from environments import closure, make_environment, must, needed, pip, run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PLACES = {"harness/": "harness/", "conf/": "harness/conf/", "plugins/": ""}  # tree -> wheel

PLUGIN_PROJECT = """
    [build-system]
    requires = ["setuptools"]
    build-backend = "setuptools.build_meta"

    [project]
    name = "acme-rules"
    version = "2.5"
    dependencies = ["optimizer-harness"]

    [project.entry-points."harness.plugins"]
    rules = "acme_rules"

    [tool.setuptools]
    py-modules = ["acme_rules"]
"""

PLUGIN_MODULE = '''
    from dataclasses import dataclass
    from typing import ClassVar

    import numpy as np

    import harness


    @dataclass(frozen=True)
    class SignDescent:
        """A step of one length against the sign of each derivative."""

        lr: float = 0.01

        scope: ClassVar[harness.Scope] = harness.Scope.ELEMENT

        def init(self, theta):
            return {}

        def step(self, theta, gradient, state, *, lr, t):
            return theta - lr * harness.array_namespace(theta).sign(gradient), {}


    @dataclass(frozen=True)
    class Line:
        """y = 2x + 1."""

        samples: int = 200

        @property
        def task(self):
            return harness.Task.REGRESSION

        def load(self):
            x = np.linspace(-1.0, 1.0, self.samples)
            return harness.Data(x[:, None], 2 * x + 1, source="acme")


    @harness.hookimpl
    def harness_optimizers():
        return {"sign_descent": SignDescent}


    @harness.hookimpl
    def harness_datasets():
        return {"line": Line}
'''


# --- what is built --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources() -> list[str]:
    """The files of the tree that are not ignored by git."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a git checkout: {error}")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(sources, tmp_path_factory) -> Path:
    """A folder with the sdist and the wheel made from it; built from a copy of the tree."""
    copy, found = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in sources:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    must(sys.executable, "-m", "build", "--no-isolation", "--outdir", found, copy)
    return found


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def metadata(wheel) -> PathDistribution:
    return PathDistribution(
        zipfile.Path(wheel, f"optimizer_harness-{harness.__version__}.dist-info/")
    )


def test_what_is_built_can_be_published(built):
    report = must(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())
    assert report.count("PASSED") == 2, report


def test_the_wheel_holds_all_of_the_three_source_folders_and_nothing_else(sources, wheel):
    expected = {
        place + name.removeprefix(folder)
        for name in sources
        for folder, place in PLACES.items()
        if name.startswith(folder)
    }
    actual = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert sorted(expected - actual) == [], "missing in the wheel: see packages in pyproject.toml"
    assert sorted(actual - expected) == [], "in the wheel, and not in the tree"
    assert {"harness/conf/config.yaml", "harness_numpy/__init__.py", "harness/cli.py"} <= actual


def test_the_sdist_holds_tracked_files_and_all_that_a_test_of_it_needs(sources, built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = [member.name.partition("/")[2] for member in archive if member.isfile()]
    actual = {name for name in files if ".egg-info/" not in name} - {"PKG-INFO", "setup.cfg"}
    wanted = (
        *PLACES,
        "examples/",
        "tests/",
        "conftest.py",
        "pyproject.toml",
        "Makefile",
        "requirements.lock",
    )
    assert sorted(actual - set(sources)) == []
    assert sorted({name for name in sources if name.startswith(wanted)} - actual) == []


def test_every_plugin_folder_has_its_entry_point(sources, metadata):
    folders = {name.split("/")[1] for name in sources if name.startswith("plugins/harness_")}
    points = metadata.entry_points.select(group="harness.plugins")
    assert sorted(point.value for point in points) == sorted(folders)


def test_pytorch_is_an_extra(metadata):
    required = {requirement.name for requirement in needed(metadata.requires or [])}
    assert "torch" not in required
    assert {"numpy", "hydra-core", "mlflow", "pluggy"} <= required
    assert "torch" in {one.name for one in needed(metadata.requires or [], "torch")}


def test_the_lock_pins_all_that_is_needed(metadata):
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    requires = metadata.requires or []
    direct = [one for extra in ("", "torch", "dev") for one in needed(requires, extra)]
    for requirement in direct:
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{requirement} is not in the lock: make lock"
        assert requirement.specifier.contains(pinned[name]), f"{requirement}: {pinned[name]} locked"
    # PyTorch pins its own CUDA libraries, and which they are depends on the platform.
    indirect = closure([one for one in direct if one.name != "torch"])
    assert sorted(set(indirect) - set(pinned)) == [], "not in the lock: make lock"


# --- what is installed ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and an empty folder to work in."""

    python: Path
    site: Path
    folder: Path

    def harness(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(self.python.with_name("harness"), *arguments, cwd=self.folder)

    def plugins(self) -> dict[str, dict[str, Any]]:
        """What `harness plugins --json` says, by the name of the plugin."""
        done = self.harness("plugins", "--json")
        assert done.stdout, done.stderr
        return {one["name"]: one for one in json.loads(done.stdout)}

    def pip(self, *arguments: object) -> None:
        pip(self.python, *arguments)

    def runs(self) -> list[Any]:
        """The runs in the store of the folder."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.folder / 'outputs' / 'mlflow.db'}")
        experiment = client.get_experiment_by_name("harness")
        return client.search_runs([experiment.experiment_id], "tags.kind = 'run'")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    """The wheel of a plugin by somebody else."""
    project = tmp_path_factory.mktemp("acme")
    (project / "pyproject.toml").write_text(dedent(PLUGIN_PROJECT))
    (project / "acme_rules.py").write_text(dedent(PLUGIN_MODULE))
    must(sys.executable, "-m", "build", "--wheel", "--no-isolation", project)
    (found,) = (project / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def site(wheel, metadata, plugin, tmp_path_factory) -> Environment:
    """Both wheels and the libraries that harness declares: so without PyTorch, and nothing editable."""
    base = tmp_path_factory.mktemp("venv")
    python, packages = make_environment(base, needed(metadata.requires or []))
    pip(python, "install", "--quiet", "--no-deps", "--no-index", wheel, plugin)
    return Environment(python, packages, base)


@pytest.fixture
def installed(site, tmp_path) -> Environment:
    """The environment with an empty folder of this test."""
    return Environment(site.python, site.site, tmp_path)


def test_the_installed_harness_is_the_wheel_without_pytorch(installed):
    code = (
        "import harness, harness.conf, harness_numpy, importlib.util as u; "
        "print(harness.__file__, harness.conf.__file__, harness_numpy.__file__, u.find_spec('torch'))"
    )
    *files, torch = must(installed.python, "-c", code, cwd=installed.folder).split()
    assert torch == "None"
    assert files == [
        str(installed.site / name / "__init__.py")
        for name in ("harness", "harness/conf", "harness_numpy")
    ]


def test_the_catalogue_lists_both_distributions_with_their_versions(installed, metadata):
    plugins = installed.plugins()
    assert all(plugin["loaded"] for plugin in plugins.values())
    acme = plugins.pop("acme-rules:rules")
    assert (acme["distribution"], acme["version"], acme["module"]) == (
        "acme-rules",
        "2.5",
        "acme_rules",
    )
    assert acme["components"]["optimizer"]["sign_descent"]["fields"] == {"lr": 0.01}
    assert acme["components"]["dataset"]["line"]["fields"] == {"samples": 200}
    assert {plugin["distribution"] for plugin in plugins.values()} == {"optimizer-harness"}
    assert {plugin["version"] for plugin in plugins.values()} == {metadata.version}
    assert len(plugins) == len(metadata.entry_points.select(group="harness.plugins"))


def test_a_run_with_somebody_elses_optimizer_and_dataset(installed):
    done = installed.harness(
        "train", "dataset=line", "optimizer=sign_descent", "training.max_epochs=2"
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert [path.name for path in installed.folder.iterdir()] == ["outputs"]
    (run_,) = installed.runs()
    assert run_.data.tags["status"] == "finished"
    assert run_.data.params["optimizer.lr"] == "0.01"
    assert run_.data.params["dataset"] == "line"
    assert any("2.5" in value for name, value in run_.data.tags.items() if "acme-rules" in name)


def test_hydra_finds_the_launcher_by_itself(installed):
    code = (
        "from hydra.core.plugins import Plugins; from hydra.plugins.launcher import Launcher; "
        "print(*[found.__name__ for found in Plugins.instance().discover(Launcher)])"
    )
    assert "FusedLauncher" in must(installed.python, "-c", code, cwd=installed.folder).split()


def test_a_sweep_trains_as_one_stack(installed):
    done = installed.harness(
        "train",
        "-m",
        "hydra/launcher=fused",
        "hydra.launcher.workers=1",
        "dataset=line",
        "optimizer=sign_descent,adam",
        "seed=0,1",
        "training.max_epochs=2",
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in installed.folder.iterdir()] == ["outputs"]
    found = {(run.data.tags["optimizer"], run.data.tags["seed"]) for run in installed.runs()}
    assert found == {("sign_descent", "0"), ("sign_descent", "1"), ("adam", "0"), ("adam", "1")}
    assert {run.data.tags["stack_size"] for run in installed.runs()} == {"4"}


def test_without_pytorch_its_backend_says_what_to_install(installed):
    done = installed.harness("train", "backend=torch", "dataset=line")
    assert done.returncode == 2
    assert "pip install 'optimizer-harness[torch]'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not any(installed.folder.rglob("mlflow.db"))


@pytest.fixture
def broken(installed) -> Iterator[Environment]:
    """The plugin's module raises when it is imported."""
    module = installed.site / "acme_rules.py"
    source = module.read_text()
    module.write_text("raise RuntimeError('out of order')\n")
    yield installed
    module.write_text(source)


def test_a_broken_plugin_is_named_and_hurts_nobody_else(broken):
    quick = ("training.max_epochs=1", "tracking.log_model=false")
    done = broken.harness("train", "dataset=iris", *quick)
    assert done.returncode == 0, done.stderr
    (warning,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert "acme-rules:rules" in warning
    assert "RuntimeError: out of order" in warning
    refused = broken.harness("train", "optimizer=sign_descent")
    assert refused.returncode == 2
    assert "Unknown optimizer 'sign_descent'" in refused.stderr
    assert broken.plugins()["acme-rules:rules"]["error"] == "RuntimeError: out of order"


def test_an_uninstalled_plugin_is_gone(installed, plugin):
    installed.pip("uninstall", "--quiet", "--yes", "acme-rules")
    try:
        assert {one["distribution"] for one in installed.plugins().values()} == {
            "optimizer-harness"
        }
        done = installed.harness("train", "dataset=line")
        assert done.returncode == 2
        assert done.stderr.startswith("harness: error: Unknown dataset 'line'")
    finally:
        installed.pip("install", "--quiet", "--no-deps", "--no-index", plugin)

"""Who imports what, read from the source as import-linter and grimp see it; and what a start loads.

Imports inside functions and under TYPE_CHECKING count. The order of the rooms is in pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import harness

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").glob("harness_*"))
HYDRA_PLUGINS = ["hydra_plugins.harness_launchers", "hydra_plugins.harness_sweepers"]
FACADE = ("harness", "harness.update", "harness.inplace")  # what a plugin may import of harness


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("harness", *PLUGINS, *HYDRA_PLUGINS, cache_dir=None)


def test_rooms_import_downwards_and_plugins_know_nothing_of_one_another():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    report = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stdout


def test_no_file_imports_itself_by_way_of_others(graph):
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the files of a circle


def test_every_package_of_this_repository_is_looked_at(graph):
    packages = [ROOT / "harness", *(ROOT / "plugins").glob("h*")]
    files = {path for package in packages for path in package.rglob("*.py")}
    files -= set((ROOT / "harness" / "scaffold" / "templates").rglob("*"))
    namespace = {"hydra_plugins"} & graph.modules  # it has no file
    assert len(graph.modules - namespace) == len(files)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_the_facade_and_no_other_room(graph, plugin):
    own = {plugin} | graph.find_descendants(plugin)
    imports = {
        (module, imported)
        for module in own
        for imported in graph.find_modules_directly_imported_by(module) - own
    }
    assert not {pair for pair in imports if pair[1] not in FACADE}


@pytest.mark.parametrize("plugin", PLUGINS + HYDRA_PLUGINS)
def test_of_the_core_only_the_application_imports_plugins_and_only_those_of_hydra(graph, plugin):
    files = {plugin} | graph.find_descendants(plugin)
    importers = {name for file in files for name in graph.find_modules_that_directly_import(file)}
    core = {name for name in importers if name.split(".")[0] == "harness"}
    assert core == ({"harness.application"} if plugin in HYDRA_PLUGINS else set())


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        (
            "import harness",
            {"hydra", "mlflow", "torch", "sklearn", "scipy", "pandas", "matplotlib"},
        ),
        (
            "from harness.registry.registry import load_registry; load_registry()",
            {"hydra", "mlflow", "torch", "sklearn", "scipy", "pandas", "matplotlib"},
        ),
        (
            "import harness.application",
            {"mlflow", "torch", "sklearn", "scipy", "pandas", "matplotlib", "rich"},
        ),
        ("import harness.cli", {"hydra", "omegaconf"}),
    ],
)
def test_heavy_libraries_are_imported_only_where_they_are_used(statement, unwanted):
    assert not loaded_by(statement) & unwanted


def test_the_facade_exports_exactly_what_it_says():
    assert len(set(harness.__all__)) == len(harness.__all__)
    for name in harness.__all__:
        assert hasattr(harness, name)

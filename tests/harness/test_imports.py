"""Who may import what, read from the source; and what a start of the program loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").glob("harness_*"))
CORE = sorted((ROOT / "harness").rglob("*.py"))

# From the bottom to the top: a module imports only from levels below its own, or from its own level.
LEVELS = [
    {"errors", "blocking"},
    {"activations", "contracts", "fields", "hookspecs", "search", "requirements"},
    {
        "harness",
        "randomness",
        "admission",
        "loading",
        "registry",
        "blame",
        "network",
        "objective",
        "metrics",
        "stopping",
        "update",
        "inplace",
        "records",
        "halving",
        "waiting",
        "diagnostics",
    }
    | {"data", "data_checks", "scaling", "splitting", "catalogue"},
    {"settings", "placed", "rows", "nodes", "batch", "chain"},
    {"config", "stack", "evaluation"},
    {"planning", "conduct"},
    {"overrides", "job", "exclusion"},
    {"training", "tracking", "prediction", "progress"},
    {"recording", "session", "identity"},
    {"recall", "workers"},
    {"running"},
    {"scaffold", "sweep", "testing"},
    {"application"},
    {"compare"},
    {"cli"},
    {"__main__"},
]


def imported(path: Path, *, nested: bool = True) -> set[str]:
    """The modules that a file imports; with `nested`, also inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if nested else _outside_type_checking(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _outside_type_checking(body):
    return [
        node
        for node in body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]


def level(module: str) -> int:
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "harness"
    for number, names in enumerate(LEVELS):
        if name in names:
            return number
    return 2 if name[:1].isupper() or not (ROOT / "harness" / f"{name}.py").exists() else -1


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_downwards_and_no_plugin(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    own = level(module)
    assert own >= 0, f"{module} has no place in LEVELS: give it one"
    for name in imported(path, nested=False):
        if name.startswith("harness."):
            assert level(name) <= own, f"{module} imports {name}, which is above it"
    for name in imported(path):
        assert name.split(".")[0] not in PLUGINS, f"{module} imports the plugin {name}"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_the_facade_and_no_other_plugin(plugin):
    # how any backend applies a rule, and how those on a CPU do
    allowed = {"harness", "harness.inplace", "harness.update"}
    for path in (ROOT / "plugins" / plugin).rglob("*.py"):
        for name in imported(path):
            top = name.split(".")[0]
            assert top == plugin or top not in PLUGINS, f"{path.name} imports {name}"
            if top == "harness":
                assert ".".join(name.split(".")[:2]) in allowed or _is_export(name), (
                    f"{path.name} imports {name}"
                )


def _is_export(name: str) -> bool:
    import harness

    return name.removeprefix("harness.") in harness.__all__


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
        ("import harness.cli", {"hydra", "numpy.random", "omegaconf"} - {"numpy.random"}),
    ],
)
def test_heavy_libraries_are_imported_only_where_they_are_used(statement, unwanted):
    assert not loaded_by(statement) & unwanted


def test_the_facade_exports_exactly_what_it_says():
    import harness

    assert len(set(harness.__all__)) == len(harness.__all__)
    for name in harness.__all__:
        assert hasattr(harness, name)

"""The files of a new package; `test_generated.py` installs and runs them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import harness
from harness.cli import main
from harness.errors import ConfigurationError
from harness.registry.registry import KINDS
from harness.scaffold.naming import RESERVED_CLASS_NAMES, PackageNames
from harness.scaffold.package import TEMPLATES, next_steps, write_package

FILES = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "src/harness_my_rule/__init__.py",
    "src/harness_my_rule/my_rule.py",
    "tests/test_numbers.py",
    "tests/test_conformance.py",
}


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(tmp_path, kind):
    write_package(PackageNames(kind, "my_rule"), tmp_path / "new")
    texts = contents(tmp_path / "new")
    assert set(texts) == FILES
    for name, text in texts.items():
        assert text.endswith("\n"), name
        assert not re.search(r"\{\{|\{%|%\}|\n\n\n\n| \n|\n\n$", text), name
        assert str(Path(harness.__file__).parent) not in text, name
    assert "class MyRule:" in texts["src/harness_my_rule/my_rule.py"]
    assert f"def {KINDS[kind]}()" in texts["src/harness_my_rule/__init__.py"]
    assert "\nharness_contract = 1\n" in texts["src/harness_my_rule/__init__.py"]
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["entry-points"] == {"harness.plugins": {"my_rule": "harness_my_rule"}}
    assert project["dependencies"][0] == "optimizer-harness>=0.1"
    assert "license" not in project
    (job,) = yaml.safe_load(texts[".github/workflows/ci.yml"])["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert [command.split()[0] for command in commands] == ["pip", "ruff", "ruff", "pytest"]


@pytest.mark.parametrize("component", ["x", "my_rule", "x" * 32])
def test_ruff_has_nothing_to_say_whatever_the_name(tmp_path, component):
    for kind in KINDS:
        write_package(PackageNames(kind, component), tmp_path / kind)
    for arguments in (["format", "--check"], ["check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", tmp_path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_cannot_hide_what_the_templates_use(tmp_path, kind):
    write_package(PackageNames(kind, "my_rule"), tmp_path / "new")
    for name, text in contents(tmp_path / "new").items():
        if name.endswith(".py"):
            nodes = ast.walk(ast.parse(text))
            used = {node.id for node in nodes if isinstance(node, ast.Name)}
            used = {name for name in used if name[0].isupper() and not name.isupper()}
            assert used - {"MyRule"} <= RESERVED_CLASS_NAMES, name


def test_templates_run_no_code():
    settings = yaml.safe_load((TEMPLATES / "copier.yml").read_text())
    assert set(settings) == {"_subdirectory", "_envops"}  # no tasks, migrations or extensions
    kinds = {path.name for path in (TEMPLATES / "kinds").iterdir()}
    assert kinds == set(KINDS)


def test_what_a_user_lets_copier_do_plays_no_part(tmp_path, monkeypatch):
    settings = tmp_path / "settings.yml"
    settings.write_text("defaults: {component: other}\ntrust: not a list\n")
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    write_package(PackageNames("loss", "my_rule"), tmp_path / "new")
    assert set(contents(tmp_path / "new")) == FILES


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_written_over(tmp_path, there):
    folder = tmp_path / "new"
    if there == "folder":
        folder.mkdir()
    elif there == "file":
        folder.write_text("mine")
    else:
        folder.symlink_to("nowhere")
    with pytest.raises(ConfigurationError) as raised:
        write_package(PackageNames("loss", "my_rule"), folder)
    assert str(raised.value) == (
        f"{folder} exists already and is not overwritten. Remove it, or choose another folder: "
        "--into FOLDER"
    )
    assert there != "folder" or not list(folder.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "new"
    with pytest.raises(ConfigurationError) as raised:
        write_package(PackageNames("loss", "my_rule"), folder)
    assert str(raised.value) == (
        f"{folder} cannot be written (File exists: {tmp_path / 'file'}). Choose another folder: "
        "--into FOLDER"
    )


# --- where others get harness ---------------------------------------------------------------------


def install(folder: Path, direct_url: dict) -> None:
    """Writes the metadata of a harness that pip got from this URL."""
    info = folder / "optimizer_harness-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: optimizer-harness\nVersion: 9\n")
    (info / "direct_url.json").write_text(json.dumps(direct_url))


def source(folder: Path) -> str:
    text = contents(folder)[".github/workflows/ci.yml"]
    return yaml.safe_load(text)["env"]["HARNESS"]


def test_ci_installs_the_harness_that_is_installed_here(tmp_path, monkeypatch):
    git = {"vcs": "git", "commit_id": "0a1b2c"}
    install(tmp_path, {"url": "https://example.org/harness.git", "vcs_info": git})
    monkeypatch.syspath_prepend(tmp_path)
    write_package(PackageNames("loss", "my_rule"), tmp_path / "new")
    assert (
        source(tmp_path / "new") == "optimizer-harness @ git+https://example.org/harness.git@0a1b2c"
    )


@pytest.mark.parametrize(
    "direct_url",
    [
        {"url": "file:///home/me/harness", "dir_info": {"editable": True}},
        {"url": "file:///home/me/harness", "vcs_info": {"vcs": "git", "commit_id": "0a1b2c"}},
    ],
)
def test_a_folder_of_this_machine_is_not_where_others_get_it(tmp_path, monkeypatch, direct_url):
    install(tmp_path, direct_url)
    monkeypatch.syspath_prepend(tmp_path)
    write_package(PackageNames("loss", "my_rule"), tmp_path / "new")
    assert source(tmp_path / "new") == ""


# --- the command ----------------------------------------------------------------------------------


def test_the_command_says_what_to_do_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "optimizer", "my-rule"]) == 0
    assert set(contents(tmp_path / "harness-my-rule")) == FILES
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "pip install -e './harness-my-rule[dev]'",
        "harness check my_rule",
        "harness train optimizer=my_rule",
    ]


def test_into_a_folder_of_choice(tmp_path, capsys):
    folder = tmp_path / "a folder" / "deep"
    assert main(["new", "auxiliary-loss", "my_term", "--into", str(folder)]) == 0
    assert (folder / "src" / "harness_my_term" / "my_term.py").exists()
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"pip install -e '{folder}[dev]'",
        "harness check my_term",
        "harness train objective.auxiliary.my_term=0.1",
    ]


def test_a_mistake_has_one_message_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "optimizer", "adam"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("harness: error: 'adam' is the name of an installed optimizer")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_trains_with_what_is_printed(tmp_path, kind):
    names = PackageNames(kind, "my_rule")
    write_package(names, tmp_path / "new")
    train = next_steps(names, tmp_path / "new").splitlines()[-1]
    assert f"    {train}\n" in contents(tmp_path / "new")["README.md"]

import platform
import subprocess
import sys
from importlib.metadata import version

import pytest

from harness.tracking.provenance import git_tags, provenance, version_tags


def git(folder, *arguments):
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "a.txt").write_text("one")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-m", "one")
    return tmp_path


def test_versions():
    tags = version_tags()
    assert tags["version/python"] == platform.python_version()
    assert tags["version/numpy"] == version("numpy")
    assert tags["version/harness"] == version("optimizer-harness")


def test_a_commit_and_whether_it_was_changed(repository):
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=repository, text=True).strip()
    assert git_tags(repository) == {
        "git/commit": head,
        "git/dirty": "false",
        "mlflow.source.git.commit": head,
    }
    (repository / "new.txt").write_text("an output, not code under version control")
    assert git_tags(repository)["git/dirty"] == "false"
    (repository / "a.txt").write_text("two")
    assert git_tags(repository)["git/dirty"] == "true"


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_tags(tmp_path) == {}


def test_without_git_there_is_no_commit(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_tags(repository) == {}


def test_nothing_names_the_machine_or_the_person(repository):
    text = " ".join(provenance(repository).values())
    for private in (platform.node(), "Ada", "ada@example.org", str(repository)):
        assert private not in text


def test_no_library_is_imported():
    code = (
        "import sys; from pathlib import Path; from harness.tracking.provenance import provenance; "
        "provenance(Path.cwd()); print({'mlflow', 'torch'} & sys.modules.keys())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"

import pytest

from harness.errors import TrackingError
from harness.tracking.writing.artifacts import delete_artifacts, log_artifacts


def test_files_and_folders_are_copied_and_deleted(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    address = (tmp_path / "my artifacts").as_uri()
    log_artifacts([tmp_path / "report", tmp_path / "b.txt"], address, "")
    assert (tmp_path / "my artifacts" / "report" / "a.txt").read_text() == "a"
    delete_artifacts(["report/a.txt", "report/none.txt"], address, "")
    files = [path for path in (tmp_path / "my artifacts").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["b.txt"]


def test_a_path_that_leads_elsewhere_is_not_deleted(tmp_path):
    (tmp_path / "b.txt").write_text("b")
    with pytest.raises(TrackingError, match=r"Got '\.\./b\.txt', a file outside that folder"):
        delete_artifacts(["../b.txt"], (tmp_path / "artifacts").as_uri(), "")
    assert (tmp_path / "b.txt").exists()

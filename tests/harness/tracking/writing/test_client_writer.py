from harness.tracking.receipt import read_receipt
from harness.tracking.store import MlflowStore
from harness.tracking.writing.client_writer import ClientWriter
from harness.tracking.writing.log_batch import JournalCursor, read_batch
from journals import finished, store_of, whole


def test_the_client_writes_runs_side_by_side_and_each_in_order(uri, tmp_path, mlflow_client):
    """As on a server: an error is reported for the run at fault alone."""
    folders = [finished(tmp_path, number, steps=1200) for number in range(6)]
    (folders[2] / "config.yaml").unlink()
    writer = ClientWriter(MlflowStore(uri))
    batches = [read_batch(JournalCursor(folder), last=True) for folder in folders]
    errors = [error for _, error in writer.write(batches)]
    assert [number for number, error in enumerate(errors) if error] == [2]
    assert store_of(uri) == whole(range(6), steps=1200)
    assert not read_receipt(folders[2])["complete"]
    assert read_receipt(folders[3])["complete"]
    for batch in batches:
        assert mlflow_client(uri).get_run(batch.run.run_id).data.metrics["loss"] > 1199

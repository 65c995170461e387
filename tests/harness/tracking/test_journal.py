from harness.tracking import journal
from harness.tracking.events import MetricsLogged, RunStarted, to_line
from harness.tracking.receipt import read_receipt, write_receipt

START = RunStarted("k", "folder", "test", "a run", 0)


def metrics(step):
    return MetricsLogged("k", step, 0, {"train/loss": 1 / step})


def test_a_reader_sees_each_event_once(tmp_path):
    journal.begin(tmp_path, START)
    reader = journal.JournalReader(tmp_path)
    assert reader.read() == [START]
    assert reader.read() == []
    journal.append(tmp_path, [metrics(1)])
    journal.append(tmp_path, [metrics(2)])
    assert reader.read() == [metrics(1), metrics(2)]


def test_a_line_that_is_being_written_waits(tmp_path):
    journal.begin(tmp_path, START)
    line = to_line(metrics(1))
    with (tmp_path / journal.JOURNAL).open("a") as file:
        file.write(line[:20])
        file.flush()
        reader = journal.JournalReader(tmp_path)
        assert reader.read() == [START]
        file.write(line[20:])
    assert reader.read() == [metrics(1)]


def test_a_new_run_begins_the_journal_anew(tmp_path):
    journal.begin(tmp_path, START)
    journal.append(tmp_path, [metrics(1)])
    write_receipt(tmp_path, "sqlite:///x", "abc", complete=True)
    journal.begin(tmp_path, START)
    assert journal.JournalReader(tmp_path).read() == [START]
    assert read_receipt(tmp_path) == {}


def test_polling_opens_only_what_has_grown(tmp_path, monkeypatch):
    journal.begin(tmp_path, START)
    reader = journal.JournalReader(tmp_path)
    assert len(reader.read()) == 1

    def refuse(*_):
        raise AssertionError("opened for nothing")

    monkeypatch.setattr(journal, "open", refuse, raising=False)
    assert reader.read() == []
    monkeypatch.undo()
    journal.append(tmp_path, [metrics(4)])
    assert reader.read() == [metrics(4)]

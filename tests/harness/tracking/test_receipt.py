from harness.tracking.receipt import RECEIPT, read_receipt


def test_a_receipt_that_cannot_be_read_is_none(tmp_path):
    for content in ("", "[1]", "{"):
        (tmp_path / RECEIPT).write_text(content)
        assert read_receipt(tmp_path) == {}

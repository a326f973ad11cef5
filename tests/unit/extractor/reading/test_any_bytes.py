"""Any bytes may be an attachment: a short run of the fuzzer, with a fixed seed."""

from tests.fuzz.fuzz_invoices import fuzz


def test_odd_files_are_read_to_an_end_and_give_no_untrue_value() -> None:
    count, taken = fuzz(lambda read: read < 300, seed=3)
    assert count == 300
    assert taken > 20

"""When a full disk counts as having space again."""

from services.cli.up.disk import FULL_BYTES, RECOVERED_BYTES, FullDisk


def test_a_disk_has_recovered_once_each_time_after_it_was_full() -> None:
    disk = FullDisk()
    room, little, nothing = RECOVERED_BYTES, FULL_BYTES, 0
    frees = [room, little, room, nothing, little, nothing, room, room, nothing, room]
    recovered = [disk.has_recovered(free) for free in frees]
    assert recovered == [False] * 6 + [True, False, False, True]

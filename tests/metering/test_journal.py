"""The journal on its own: what is on disk, and when."""

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.metering import tail as tail_module
from gateway.metering.backlog import Backlog
from gateway.metering.journal import Journal
from gateway.metering.lines import DoneLine
from gateway.metering.records import EndState
from gateway.metering.segments import Segments, take_lock
from gateway.metering.settlement import settle
from gateway.metering.slots import BLOCK_SLOTS, Slots, read_slots, slot_value
from gateway.store.keyspace import partition_of
from tests.metering.making import complete, start


def content(journal: Journal) -> bytes:
    return b"".join(segment.path.read_bytes().rstrip(b"\0") for segment in journal.segments.all)


def orphaned_after(journal: Journal) -> Journal:
    """The journal as the next process finds it."""
    journal.close()
    return reopened(journal)


def reopened(journal: Journal) -> Journal:
    lock = take_lock(journal.segments.lock_path)
    assert lock is not None
    segments = Segments(journal.segments.directory, journal.id)
    segments.find()
    return Journal.reopen(segments, lock)


def test_both_lines_are_in_the_file_when_the_calls_return(journal: Journal) -> None:
    opened = journal.sent(start(request="r1"))
    assert content(journal).count(b'"request_id":"r1"') == 1
    opened.done(complete())
    assert content(journal).count(b'"request_id":"r1"') == 2
    assert content(journal).endswith(b"}\n")


def test_a_second_end_changes_nothing(journal: Journal) -> None:
    opened = journal.sent(start())
    first = opened.done(complete(output=5))
    assert opened.done(complete(output=99)) is first
    assert journal.backlog.pending_records == 1


def test_each_partition_numbers_its_records_from_one(journal: Journal) -> None:
    keys = ["key_a", "key_b", "key_a"]
    assert partition_of("key_a") != partition_of("key_b")
    for number, key in enumerate(keys):
        journal.sent(start(number, key=key)).done(complete())
    assert journal.backlog.last[partition_of("key_a")] == 2
    assert journal.backlog.last[partition_of("key_b")] == 1


def test_the_lock_says_that_the_process_lives(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    assert take_lock(journal.segments.lock_path) is None
    journal.close()
    lock = take_lock(journal.segments.lock_path)
    assert lock is not None
    os.close(lock)


def test_what_was_sent_and_not_ended_is_found_by_the_next_process(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    journal.sent(start(request="ended")).done(complete())
    journal.sent(start(request="open"))
    after = orphaned_after(journal)
    assert [found.start.request_id for found in after.orphaned()] == ["open"]
    after.close()


def test_progress_of_a_stream_survives_in_its_slot(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    one, two = journal.sent(start(1, stream=True)), journal.sent(start(2, stream=True))
    one.progress(7)
    two.progress(9)
    one.done(complete())
    one.progress(1_000)  # too late: its slot may be another's by now
    three = journal.sent(start(3, stream=True))
    three.progress(4)
    after = orphaned_after(journal)
    slots = read_slots(journal.segments.slots_path)
    assert {found.start.request_id: slot_value(slots, found.slot) for found in after.orphaned()} == {
        "req-2": 9,
        "req-3": 4,
    }
    after.close()


def test_slots_grow_and_end_gracefully(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.metering.slots.MOST_BLOCKS", 2)
    slots = Slots(tmp_path / "slots")
    taken = [slots.take() for _ in range(2 * BLOCK_SLOTS)]
    assert len(set(taken)) == 2 * BLOCK_SLOTS
    assert slots.take() is None
    for slot in taken:
        assert slot is not None
        view, index = slots.place(slot)
        view[index] = slot
    slots.give_back(5)
    assert slots.take() == 5
    slots.close()
    found = read_slots(tmp_path / "slots")
    assert [slot_value(found, slot) for slot in (4, 5, BLOCK_SLOTS, 2 * BLOCK_SLOTS)] == [4, 0, BLOCK_SLOTS, 0]


@pytest.mark.parametrize("zeros", [0, 5_000])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, zeros: int) -> None:
    journal = Journal.open(tmp_path)
    journal.sent(start(request="whole"))
    journal.close()
    with journal.segments.all[-1].path.open("ab") as file:
        file.write(b'{"sent":2,"slot":-1,"start":{"att' + bytes(zeros))
    after = reopened(journal)
    assert content(after).endswith(b"}\n")
    found = after.orphaned()
    assert [each.start.request_id for each in found] == ["whole"]
    after.settle_orphan(found[0], complete())
    assert after.orphaned() == []
    after.close()


def test_a_new_segment_carries_what_is_open_and_where_the_numbers_stand(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, segment_bytes=20_000)
    long_running = journal.sent(start(request="long", stream=True))
    for number in range(100):
        journal.sent(start(number)).done(complete())
    assert len(journal.segments.all) > 3
    long_running.progress(3)
    # All but the last segment may go, and nothing is lost.
    for segment in journal.segments.all[:-1]:
        segment.path.unlink()
    after = orphaned_after(journal)
    found = after.orphaned()
    assert [each.start.request_id for each in found] == ["long"]
    assert after.backlog.last[partition_of("key_a")] == 100
    after.close()


def test_an_attempt_that_ends_as_the_segment_changes_is_not_open_in_the_next(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, segment_bytes=1)
    for number in range(20):
        journal.sent(start(number)).done(complete())
    after = orphaned_after(journal)
    assert after.orphaned() == []
    after.close()


def test_closed_segments_go_when_redis_has_had_them_for_long_enough(tmp_path: Path) -> None:
    now = 0.0
    journal = Journal.open(tmp_path, segment_bytes=5_000, clock=lambda: now)
    for number in range(30):
        journal.sent(start(number)).done(complete())
    closed = len(journal.segments.all) - 1
    assert closed > 2
    journal.tend(kept_s=60)
    assert len(journal.segments.all) == closed + 1
    partition = partition_of("key_a")
    journal.backlog.set_applied(partition, 30, now)
    journal.tend(kept_s=60)
    assert len(journal.segments.all) == closed + 1
    now = 61.0
    journal.tend(kept_s=60)
    journal.tend(kept_s=60)
    now = 122.0
    journal.tend(kept_s=60)
    assert len(journal.segments.all) < closed + 1
    journal.close()


def test_a_journal_at_its_bound_lets_nothing_more_out(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, segment_bytes=2_000, most_bytes=10_000)
    opened = journal.sent(start())
    while journal.segments.total_bytes <= 10_000:
        journal.sent(start()).done(complete())
    journal.tend(kept_s=60)
    with pytest.raises(Unavailable) as refused:
        journal.sent(start())
    assert (refused.value.status, refused.value.code) == (503, "metering_unavailable")
    opened.done(complete())  # what is under way can end
    journal.backlog.set_applied(partition_of("key_a"), journal.backlog.last[partition_of("key_a")], 0)
    journal.tend(kept_s=60)
    journal.sent(start()).done(complete())
    journal.close()


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "no space left")


def check_full_disk(journal: Journal, disk_is_full: AbstractContextManager[object]) -> None:
    long = {"env": "x" * 2 * mmap.ALLOCATIONGRANULARITY}  # longer than what is left of any block of one page
    opened = [journal.sent(start(number, tags=long)) for number in range(3)]
    with disk_is_full:
        records = [each.done(complete(output=number)) for number, each in enumerate(opened)]
        assert [record.usage.output for record in records] == [0, 1, 2]
        with pytest.raises(Unavailable):
            journal.sent(start(4))
        assert journal.backlog.pending_records == 0
    journal.tend(kept_s=60)
    assert journal.backlog.pending_records == 3
    journal.sent(start(5)).done(complete())
    after = orphaned_after(journal)
    assert after.orphaned() == []
    assert after.backlog.last[partition_of("key_a")] == 4
    after.close()


def test_a_full_disk_delays_ends_and_refuses_beginnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "BLOCK_BYTES", 1)  # a page, then as much as the line at its end needs
    journal = Journal.open(tmp_path)

    @contextmanager
    def disk_is_full() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(tail_module.os, "posix_fallocate", full)
            yield

    check_full_disk(journal, disk_is_full())


def test_where_nothing_can_be_mapped_lines_are_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module.os, "posix_fallocate", full)
    journal = Journal.open(tmp_path)
    whole = os.write

    @contextmanager
    def disk_is_full() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(tail_module.os, "write", lambda fd, data: whole(fd, data[:10]))
            yield

    check_full_disk(journal, disk_is_full())


def test_a_living_journal_is_read_up_to_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "BLOCK_BYTES", 1)
    journal = Journal.open(tmp_path)
    for number in range(50):  # over many blocks, whose borders lines cross
        journal.sent(start(number)).done(complete())
    size = journal.segments.all[-1].size
    path = journal.segments.all[-1].path
    assert path.stat().st_size > size
    assert len(list(journal.segments.lines([0] * 64))) == 101
    journal.close()
    assert path.stat().st_size == size


def test_an_attempt_that_ends_after_the_close_stores_nowhere(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    opened = journal.sent(start(stream=True))
    journal.close()
    opened.progress(5)


def test_an_end_after_the_close_is_written_nowhere(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path)
    opened = journal.sent(start())
    journal.close()
    with (tmp_path / "next").open("w+b") as file:  # has the number that the journal's file had
        opened.done(complete())
        assert os.fstat(file.fileno()).st_size == 0
    after = reopened(journal)
    assert len(after.orphaned()) == 1
    after.close()


def test_memory_holds_one_unbroken_run_within_its_bound() -> None:
    backlog = Backlog(most_held=2)
    record = settle(start(), complete(state=EndState.COMPLETE))
    for seq in (1, 2, 3, 4):
        backlog.add(DoneLine(0, seq, record, b"", float(seq)))
    assert backlog.pending_records == 4
    assert [done.seq for done in backlog.next_held(0, 10) or []] == [1, 2]
    backlog.set_applied(0, 2, 5.0)
    assert backlog.next_held(0, 10) is None
    assert backlog.oldest_pending_s(10.0) >= 5.0
    backlog.add(DoneLine(0, 5, record, b"", 6.0))
    assert backlog.next_held(0, 10) is None
    backlog.set_applied(0, 4, 7.0)
    assert [done.seq for done in backlog.next_held(0, 10) or []] == [5]
    backlog.set_applied(0, 5, 8.0)
    assert (backlog.pending_records, backlog.oldest_pending_s(10.0)) == (0, 0.0)

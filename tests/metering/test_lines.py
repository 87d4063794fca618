"""A journal's lines: what is written is what is read."""

from types import MappingProxyType

import orjson
from hypothesis import given
from hypothesis import strategies as st

from backends.types import Usage
from gateway.catalog.prices import Price
from gateway.metering.lines import (
    StartWriter,
    done_line,
    done_number,
    head_line,
    read_done,
    read_head,
    read_sent,
    sent_line,
    sent_number,
)
from gateway.metering.records import AttemptStart, Ending, EndState
from gateway.metering.settlement import settle
from tests.metering.making import complete, start

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
COUNT = st.integers(0, 2**40)
RATE = st.none() | COUNT
PRICES = st.none() | st.builds(Price, COUNT, COUNT, RATE, RATE, RATE, COUNT, TEXT)
STARTS = st.builds(
    AttemptStart,
    attempt_id=TEXT,
    request_id=TEXT,
    number=st.integers(1, 99),
    at=st.floats(0, 2**33),
    key_id=TEXT,
    key_name=TEXT,
    team=st.none() | TEXT,
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    dialect=TEXT,
    model=TEXT,
    provider=TEXT,
    target=TEXT,
    upstream_model=TEXT,
    stream=st.booleans(),
    price=PRICES,
    rules_hash=TEXT,
    input_estimate=COUNT,
    output_bound=COUNT,
    charged_to=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    reserved_nano=st.none() | COUNT,
)
SECONDS = st.floats(0, 10**6)
ENDINGS = st.builds(
    Ending,
    state=st.sampled_from(EndState),
    status=st.integers(200, 599),
    final=st.booleans(),
    usage=st.none() | st.builds(Usage, COUNT, COUNT, COUNT, COUNT, COUNT),
    content_events=COUNT,
    may_have_billed=st.booleans(),
    error=st.none() | TEXT,
    ttft_s=st.none() | SECONDS,
    duration_s=SECONDS,
)


@given(STARTS, ENDINGS)
def test_a_record_survives_the_journal_whole(begun: AttemptStart, ending: Ending) -> None:
    record = settle(begun, ending)
    line = done_line(3, 63, 12, StartWriter().write(begun), record)
    assert line.count(b"\n") == 1
    assert done_number(line) == (3, 63, 12)
    done = read_done(line)
    assert (done.partition, done.seq, done.record) == (63, 12, record)
    assert orjson.loads(done.line) == orjson.loads(line)


@given(STARTS)
def test_a_beginning_survives_the_journal_whole(begun: AttemptStart) -> None:
    line = sent_line(5, -1, StartWriter().write(begun))
    assert sent_number(line) == 5
    found = read_sent(line)
    assert (found.number, found.slot, found.start) == (5, -1, begun)


@given(st.lists(STARTS, max_size=6))
def test_what_the_writer_keeps_never_leaks_into_another_attempt(begun: list[AttemptStart]) -> None:
    writer = StartWriter()
    for each in [*begun, *begun, start(), start(price=None), start(team=None), start(stream=True), start(tags={})]:
        assert read_sent(sent_line(1, 0, writer.write(each))).start == each


def test_tags_may_be_a_read_only_view() -> None:
    begun = start(tags=MappingProxyType({"env": "prod"}))
    assert read_sent(sent_line(1, 0, StartWriter().write(begun))).start.tags == {"env": "prod"}


def test_a_head_says_where_the_numbering_stands() -> None:
    head = read_head(head_line("abc", 2, range(64)), "abc")
    assert head is not None
    assert (head.segment, head.last) == (2, tuple(range(64)))
    assert read_head(head_line("abc", 2, range(64)), "other") is None
    assert read_head(b"\0\0\0", "abc") is None
    assert read_head(sent_line(1, 0, StartWriter().write(start())), "abc") is None


def test_other_lines_have_no_number() -> None:
    assert done_number(head_line("abc", 1, [0])) is None
    assert sent_number(done_line(1, 2, 3, b"{}", settle(start(), complete()))) is None

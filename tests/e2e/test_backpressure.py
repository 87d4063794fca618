"""A caller that stops reading slows its own upstream down, and nobody else."""

import statistics
import time

import pytest

from tests.support import scripts
from tests.support.caller import Caller, chat_body
from tests.support.gateway import Gateway, resident_bytes
from tests.support.upstream import Exchange, Upstream

MEGABYTE = 1 << 20
STREAM_BYTES = 64 * MEGABYTE
TEXT = "x" * 2_000
STUCK_S = 1.0
"""Longer than the gateway's clock between tokens: an upstream that we do not read is not silent."""


def standstill(*exchanges: Exchange) -> int:
    """Bytes the upstream got rid of, once it has been stuck for a while."""
    deadline = time.monotonic() + 10
    last, since = -1, time.monotonic()
    while time.monotonic() - since < STUCK_S:
        assert time.monotonic() < deadline, f"the upstream never came to a halt: {last:,} bytes"
        if (sent := sum(exchange.bytes_sent for exchange in exchanges)) != last:
            last, since = sent, time.monotonic()
        time.sleep(0.02)
    return last


def total_resident(gateway: Gateway) -> int:
    return sum(resident_bytes(pid) for pid in gateway.worker_pids())


def test_a_caller_that_stops_reading_slows_its_own_upstream_and_nobody_else(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.script(model, scripts.firehose(STREAM_BYTES // len(TEXT), TEXT))
    before = total_resident(gateway)
    with app.open_chat(model, wire_options={"receive_buffer": 16_384}) as wire:
        assert wire.head()[0] == 200
        exchange = upstream.only(model)
        stuck_at = standstill(exchange)
        assert stuck_at < 24 * MEGABYTE, "the gateway (or the kernel) swallowed the stream"
        assert total_resident(gateway) - before < 24 * MEGABYTE

        times: list[float] = []
        for n in range(20):
            started = time.monotonic()
            assert app.chat(f"{model}-{n}").status == 200
            times.append(time.monotonic() - started)
        with capsys.disabled():
            median_ms, slowest_ms = statistics.median(times) * 1000, max(times) * 1000
            print(f"\nbeside a stuck reader: median {median_ms:.1f} ms, slowest {slowest_ms:.1f} ms")
        assert statistics.median(times) < 0.25
        assert exchange.bytes_sent == stuck_at, "others' requests let the stuck stream move"

        # It reads again: the upstream goes on, so nothing was lost or given up.
        received = 0
        for piece in wire.pieces():
            received += len(piece)
            if received > stuck_at + MEGABYTE:
                break
        assert exchange.bytes_sent > stuck_at


def test_many_stuck_readers_do_not_fill_the_memory(
    app: Caller, gateway: Gateway, upstream: Upstream, model: str
) -> None:
    upstream.script(model, scripts.firehose(STREAM_BYTES // len(TEXT), TEXT))
    before = total_resident(gateway)
    wires = []
    try:
        for _ in range(8):
            context = app.wire(receive_buffer=16_384)
            wires.append(context)
            app.start(context, "POST", "/v1/chat/completions", chat_body(model, stream=True))
            assert context.head()[0] == 200
        standstill(*upstream.seen(model))
        assert total_resident(gateway) - before < 48 * MEGABYTE
        assert app.chat(f"{model}-quick").status == 200
    finally:
        for wire in wires:
            wire.close()


def test_a_fast_reader_gets_a_long_stream_whole(app: Caller, upstream: Upstream, model: str) -> None:
    count = 4 * MEGABYTE // len(TEXT)
    upstream.script(model, scripts.firehose(count, TEXT))
    answer = app.chat(model, stream=True)
    assert answer.body.endswith(scripts.DONE)
    assert len(answer.text) == count * len(TEXT)

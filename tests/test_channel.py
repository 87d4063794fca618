"""Messages between the parent and a worker: any cut of the bytes, the same messages."""

import asyncio
import itertools
import socket

from hypothesis import given
from hypothesis import strategies as st

from gateway.channel import MessageBuffer, WorkerChannel, encode

MESSAGES = [{"is": "rules", "text": "version: 1\n" * 50}, {"is": "drain"}, {"is": "report", "id": 7}]


@given(st.lists(st.integers(min_value=0, max_value=700), max_size=10))
def test_any_cut_of_the_bytes_gives_the_same_messages(places: list[int]) -> None:
    data = b"".join(map(encode, MESSAGES))
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    buffer, received = MessageBuffer(), []
    for start, end in itertools.pairwise(edges):
        received += buffer.feed(data[start:end])
    assert received == MESSAGES


def test_a_worker_hears_its_parent_and_learns_that_it_is_gone() -> None:
    async def talk() -> None:
        parent, child = socket.socketpair()
        channel = await WorkerChannel.open(child)
        for message in MESSAGES:
            parent.sendall(encode(message))
        channel.send({"is": "ready"})
        assert [await channel.receive() for _ in MESSAGES] == MESSAGES
        parent.setblocking(True)
        assert await asyncio.to_thread(parent.recv, 100) == encode({"is": "ready"})
        parent.close()
        assert await channel.receive() is None
        await channel.close()

    asyncio.run(talk())

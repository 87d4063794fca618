"""Messages between the parent and a worker over a socket pair: a length, then JSON."""

import asyncio
import socket
import struct
from typing import Any

import orjson

_LENGTH = struct.Struct("!I")
Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """One message as bytes."""
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


class MessageBuffer:
    """Bytes in any cut → whole messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole by now."""
        self._data += data
        messages = []
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                break
            messages.append(orjson.loads(bytes(self._data[_LENGTH.size : end])))
            del self._data[:end]
        return messages


class WorkerChannel:
    """The worker's end: messages of the parent are awaited, ours are sent without waiting."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, sock: socket.socket) -> "WorkerChannel":
        """Take over the socket; needs the running loop."""
        return cls(*await asyncio.open_connection(sock=sock, limit=1 << 26))

    def send(self, message: Message) -> None:
        """Queue a message for the parent."""
        self._writer.write(encode(message))

    async def receive(self) -> Message | None:
        """The parent's next message; None: the parent is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            message: Message = orjson.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return message

    async def close(self) -> None:
        """Send what is queued and close."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return  # the parent closed first

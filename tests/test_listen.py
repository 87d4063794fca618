"""Listening sockets: one per worker slot, and a clear word when the port is taken."""

import socket

import pytest

from gateway.listen import PortTakenError, open_listeners


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_each_worker_slot_gets_a_socket_of_its_own_on_the_same_port() -> None:
    port = free_port()
    listeners = open_listeners("127.0.0.1", port, 3)
    assert {listener.getsockname() for listener in listeners} == {("127.0.0.1", port)}
    for listener in listeners:
        listener.close()


def test_a_taken_port_is_refused_even_to_another_gateway() -> None:
    port = free_port()
    first = open_listeners("127.0.0.1", port, 1)
    with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}"):
        open_listeners("127.0.0.1", port, 1)
    first[0].close()


def test_a_port_just_let_go_can_be_taken_again() -> None:
    port = free_port()
    for _ in range(2):
        (listener,) = open_listeners("127.0.0.1", port, 1)
        with socket.create_connection(("127.0.0.1", port)):
            accepted = listener
        accepted.close()


def test_a_host_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(PortTakenError, match="HEADRACE_HOST"):
        open_listeners("no.such.host.invalid", 8080, 1)

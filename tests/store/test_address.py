"""Redis' URLs."""

import pytest

from gateway.store.address import BadAddress, parse_address


def test_a_single_server_is_left_to_redis_py() -> None:
    address = parse_address("rediss://me:secret@redis.example:6380/3")
    assert (address.kind, address.url) == ("single", "rediss://me:secret@redis.example:6380/3")
    assert address.shown == "rediss://redis.example:6380/3"
    assert "secret" not in repr(address)


def test_sentinels_name_their_master_and_database() -> None:
    address = parse_address("redis+sentinel://me:p%40ss@a:1,b,[::1]:3/mymaster/2?sentinel_password=other")
    assert address.kind == "sentinel"
    assert address.nodes == (("a", 1), ("b", 26379), ("::1", 3))
    assert (address.master, address.database) == ("mymaster", 2)
    assert (address.username, address.password, address.sentinel_password) == ("me", "p@ss", "other")
    assert "p@ss" not in repr(address)
    assert "other" not in repr(address)
    assert "ss@" not in address.shown


def test_a_cluster_names_some_nodes() -> None:
    address = parse_address("rediss+cluster://:secret@a:7000,b:7001")
    assert (address.kind, address.nodes, address.tls) == ("cluster", (("a", 7000), ("b", 7001)), True)
    assert (address.username, address.password) == (None, "secret")


@pytest.mark.parametrize(
    "url",
    ["http://x", "redis+sentinel://a:1", "redis+sentinel://a:1/m/x", "redis+cluster://a:x", "redis+cluster://", "x"],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadAddress) as failure:
        parse_address(url)
    assert url not in str(failure.value) or url == "x"

"""The form of a key, and how one is found in a request's headers."""

import re

import pytest

from gateway.auth.admin_key import is_admin, load_admin_key, read_admin_key
from gateway.auth.keys import (
    Budget,
    KeySpec,
    Limits,
    digest,
    from_json,
    new_key,
    new_secret,
    presented_key,
    to_json,
)


def test_a_record_survives_the_store_with_money_to_the_nano_dollar() -> None:
    spec = KeySpec(
        "app",
        team="search",
        tags={"env": "prod"},
        models=("qwen3-*", "fast"),
        limits=Limits(rpm=10, concurrency=2),
        budget=Budget(9_000_000_000_000_001, "month", "lower", (0.8, 1.0)),
        unknown_price="refuse",
        expires_at=1_000.5,
        allowed_cidrs=("10.0.0.0/8",),
    )
    record, _ = new_key(spec, 1.0)
    assert from_json(to_json(record)) == record


def test_a_record_of_a_newer_gateway_can_be_read() -> None:
    record, _ = new_key(KeySpec("app"), 1.0)
    newer = to_json(record).replace(b'"spec":{', b'"later":1,"spec":{"later":[1],')
    assert from_json(newer) == record


def test_no_two_secrets_are_alike() -> None:
    assert len({new_secret() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "key"),
    [
        ("Bearer hr-x", None, "hr-x"),
        ("bearer   hr-x ", None, "hr-x"),
        (None, "hr-y", "hr-y"),
        ("Bearer hr-x", "hr-y", "hr-x"),
        ("Basic aHI6eA==", "hr-y", "hr-y"),
        ("Bearer", None, None),
        ("Bearer ", "", None),
        ("hr-x", None, None),
        (None, "  ", None),
        (None, None, None),
    ],
)
def test_a_key_is_taken_from_either_header(authorization, x_api_key, key) -> None:
    assert presented_key(authorization, x_api_key) == key


def test_the_admin_key_is_made_once_and_only_its_owner_may_read_it(tmp_path) -> None:
    data_dir = tmp_path / "data"
    assert read_admin_key(data_dir) is None
    first = load_admin_key(data_dir)
    assert first.made
    assert re.fullmatch(r"hra-[A-Za-z0-9_-]{43}", first.secret)
    file = data_dir / "admin_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["admin_key"]
    file.chmod(0o644)
    again = load_admin_key(data_dir)
    assert (again.secret, again.made) == (first.secret, False)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_admin_key(data_dir) == first.secret
    assert first.secret not in repr(first)


def test_a_given_admin_key_is_used_and_not_written_down(tmp_path) -> None:
    key = load_admin_key(tmp_path, "given")
    assert (key.secret, key.made) == ("given", False)
    assert not list(tmp_path.iterdir())


def test_only_the_admin_key_is_the_admin_key() -> None:
    assert is_admin("right", digest("right"))
    assert not is_admin("wrong", digest("right"))
    assert not is_admin(None, digest("right"))
    assert not is_admin("\udcff", digest("right"))

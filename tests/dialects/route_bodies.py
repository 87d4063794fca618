"""What the tests of the routes beside chat share."""

import orjson
import pytest

from gateway.dialects.openai_route import OpenAIRoute
from gateway.errors import InvalidRequest


def refused(dialect: OpenAIRoute, body: object, headers: dict[str, str] | None = None) -> InvalidRequest:
    """The refusal of a body; bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(InvalidRequest) as caught:
        dialect.parse(raw, headers or {})  # type: ignore[attr-defined]
    assert caught.value.status == 400
    assert len(caught.value.message) < 300
    return caught.value

"""Every adapter carries a route beside chat or says that it does not: none breaks on a body without messages."""

from contextlib import suppress

import pytest

from backends.errors import NotCarried
from backends.types import Clocks, Target
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.openai_route import OpenAIRoute
from gateway.dialects.rerank import Rerank
from gateway.translators import adapters, dialects

BODIES = {
    OpenAIEmbeddings.name: b'{"model":"m","input":"x"}',
    Rerank.name: b'{"model":"m","query":"x","documents":["a"]}',
}


@pytest.mark.parametrize("model", ["m", "claude-x", "anthropic/claude-x"])
@pytest.mark.parametrize("dialect", [OpenAIEmbeddings(), Rerank()], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("protocol", sorted(adapters()))
def test_what_may_be_translated_is_carried_or_refused(
    protocol: str, dialect: OpenAIEmbeddings | Rerank, model: str
) -> None:
    chat = dialect.parse(BODIES[dialect.name], {})
    target = Target("p", protocol, model, "https://upstream.example/v1", "upstream.example:443", "key")
    with suppress(NotCarried):
        assert b"x" in adapters()[protocol].build_request(chat, target, Clocks()).body


def test_whatever_else_is_refused_before_an_adapter_sees_it() -> None:
    routes = {dialect.name: dialect for dialect in dialects().values() if isinstance(dialect, OpenAIRoute)}
    translatable = {name for name, dialect in routes.items() if dialect.untranslated is None}
    assert translatable == {"openai_embeddings", "rerank"}
    assert len(routes) == 8

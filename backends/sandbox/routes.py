"""Path → what the sandbox answers there. One table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from backends.sandbox import wire
from backends.sandbox.answer import answer
from backends.sandbox.completion import complete
from backends.sandbox.moderation import moderate
from backends.sandbox.order import read
from backends.sandbox.picture import draw
from backends.sandbox.ranking import rank
from backends.sandbox.refusal import Refusal
from backends.sandbox.reply import Reply
from backends.sandbox.sound import speak, transcribe
from backends.sandbox.vectors import embed
from backends.types import UpstreamRequest

_Route = Callable[[UpstreamRequest, int, int], Reply]


def route_of(request: UpstreamRequest) -> _Route:
    """What answers this request, given its exchange's seed and number. Raises Refusal where nothing does."""
    path = request.url.partition("?")[0]
    for end, route in _ROUTES.items():
        if path.endswith(end):
            return route
    raise Refusal(404, f"The sandbox has no route for {request.method} on this path.")


def _chat(request: UpstreamRequest, seed: int, number: int) -> Reply:
    order = read(request.body)
    made = answer(order, request.body, seed, number)
    return Reply(
        made.completion_tokens,
        lambda created: wire.whole(made, created),
        events=(lambda created: wire.EventStream(made, created, usage_chunk=order.usage_chunk))
        if order.stream
        else None,
    )


_ROUTES: Mapping[str, _Route] = MappingProxyType(
    {
        "/chat/completions": _chat,
        "/completions": lambda request, seed, number: complete(request.body, seed, number),
        "/embeddings": lambda request, seed, number: embed(request.body, seed, number),
        "/rerank": lambda request, seed, number: rank(request.body, seed, number),
        "/moderations": lambda request, seed, number: moderate(request.body, seed, number),
        "/images/generations": lambda request, *_: draw(request.body),
        "/audio/speech": lambda request, *_: speak(request.body),
        "/audio/transcriptions": lambda request, *_: transcribe(request.body, request.headers),
        "/audio/translations": lambda request, *_: transcribe(request.body, request.headers),
    }
)
"""The longer end first: chat's path ends like that of completions."""

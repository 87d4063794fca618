"""Pictures: as URLs or in base64, whole or streamed.

https://platform.openai.com/docs/api-reference/images/create,
https://platform.openai.com/docs/api-reference/images-streaming
"""

from backends.errors import BadAnswer
from backends.providers.openai.event_relay import EventKinds, EventRelay
from backends.providers.openai.passing import PassedAnswer, read_object
from backends.providers.openai.responses import read_responses_usage
from backends.types import ChatRequest

LONGEST_PICTURE = 32 << 20
"""One event holds a whole picture."""
_KINDS = EventKinds(
    content=frozenset({"image_generation.partial_image"}), final=frozenset({"image_generation.completed"})
)


def read_images(body: bytes) -> PassedAnswer:
    """Read a 200's body. DALL·E reports no usage, the newer models count tokens, xAI names its price alone."""
    answer = read_object(body)
    if not isinstance(answer.get("data"), list):
        raise BadAnswer("a success status, but no data in the answer")
    return PassedAnswer(body, read_responses_usage(answer.get("usage")))


def image_relay(chat: ChatRequest, *, resumed: bool) -> EventRelay:  # noqa: ARG001  the table's signature
    """A fresh relay for one attempt."""
    return EventRelay(_KINDS, longest=LONGEST_PICTURE)

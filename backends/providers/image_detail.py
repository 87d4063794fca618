"""How closely a picture is to be looked at: OpenAI's `detail`, for which other protocols have no word."""

from collections.abc import Iterator, Mapping
from typing import Any

NAME = "image_url.detail"


def asks_for_detail(body: Mapping[str, Any]) -> bool:
    """Whether any picture is to be looked at otherwise than the model would by itself.

    https://platform.openai.com/docs/guides/images-vision#specify-image-input-detail-level
    """
    return any(part.get("detail") not in (None, "auto") for part in _pictures(body.get("messages")))


def _pictures(messages: Any) -> Iterator[Mapping[str, Any]]:
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            picture = part.get("image_url") if isinstance(part, Mapping) else None
            if isinstance(picture, Mapping):
                yield picture

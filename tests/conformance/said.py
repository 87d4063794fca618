"""What a model says, in nobody's format: each protocol's stand-in writes it down its own way, whole or as a stream.

All words and ids are invented. Values are distinctive, so that finding one somewhere proves that it was carried.
"""

from typing import NamedTuple

from tests.replay.reading import Tokens, Tool

MODEL = "made-up-model"
WEATHER = Tool("call_weather01", "look_outside", '{"place": "Nørrebro"}')
TIDE = Tool("call_tide02", "read_tide", '{"depth": 4.5, "harbour": "Aarhus"}')
BARE = Tool("call_bare03", "ring_bell", "{}")


class Said(NamedTuple):
    """One answer."""

    text: str = ""
    reasoning: str = ""
    signature: str = ""
    redacted: str = ""
    refusal: str = ""
    tools: tuple[Tool, ...] = ()
    finish: str = "stop"
    """In the common form's words."""
    stop_sequence: str = ""
    usage: Tokens = Tokens(input=31, output=17)
    source: str = ""
    """The address that the text cites."""
    logprob: float | None = None
    copies: int = 1
    """Choices, all alike but for their number at the end of the text."""


TEXT = Said(text='Skies over Nørrebro are grey \N{UMBRELLA WITH RAIN DROPS}, and the gulls say "no".')
LENGTH = TEXT._replace(text="It was a dark and", finish="length")
STOPPED = TEXT._replace(text="one, two,", stop_sequence="HALT")
ONE_TOOL = Said(tools=(WEATHER,), finish="tool_calls")
BARE_TOOL = Said(tools=(BARE,), finish="tool_calls")
TEXT_AND_TOOLS = Said(text="I shall look.", tools=(WEATHER, TIDE), finish="tool_calls")
THOUGHT = Said(text="Forty-two.", reasoning="Six times seven, I think.", signature="c2lnbmVkLWJ5LW5vYm9keQ==")
THOUGHT_TOOL = THOUGHT._replace(text="", tools=(WEATHER,), finish="tool_calls")
REDACTED = Said(text="I would rather not say why.", redacted="cmVkYWN0ZWQtdGhvdWdodA==")
REFUSED = Said(refusal="I can't help with that.", finish="content_filter")
CITING = Said(text="The harbour froze in 1942.", source="https://harbour.example/annals")
COUNTED = TEXT._replace(usage=Tokens(input=101, cache_read=1009, cache_creation=10007, output=13, reasoning=7))
LIKELY = Said(text="Yes", logprob=-0.125)
TWICE = Said(text="Heads ", copies=2)


def halves(text: str) -> list[str]:
    """A text in the pieces in which it is streamed."""
    middle = len(text) // 2
    return [piece for piece in (text[:middle], text[middle:]) if piece]

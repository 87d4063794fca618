"""`providers: NAME: quirks:` in the routing file: how a provider differs from its protocol's inventor.

The rows of known providers have theirs; what stands here comes before them, field by field.
"""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from backends.types import Quirks
from gateway.routing.schema.scalars import Flag, Rule, Word

ReasoningSwitch = Literal["effort", "thinking", "enable_thinking", "template", "as_sent"]


class QuirkRules(Rule):
    """Where a provider departs from its protocol. Known names have theirs built in."""

    dialects: tuple[Word, ...] = Field(
        default=(), description="What it understands besides chat: `openai_responses`, `anthropic_messages`, …"
    )
    paths: dict[Word, Word] = Field(
        default_factory=dict, description="Dialect → its path from the host, where that is not under the base URL."
    )
    key_header: Word = Field(
        default="authorization", description="The header that bears the key; any but `authorization` bears it bare."
    )
    renamed: dict[Word, Word] = Field(default_factory=dict, description="OpenAI's name of a field → its own.")
    dropped: tuple[Word, ...] = Field(
        default=(), description="Fields that are left out for it; the caller is told in `x-headrace-ignored`."
    )
    refused: tuple[Word, ...] = Field(default=(), description="Fields with which a request is not for it.")
    json_schema: Flag = Field(default=True, description="It takes `response_format` with a `json_schema`.")
    developer_role: Flag = Field(default=True, description="It knows the role `developer`.")
    strict_messages: Flag = Field(default=False, description="It refuses fields of a message that it does not know.")
    cache_control: Flag = Field(default=True, description="It takes, or ignores, Anthropic's `cache_control`.")
    reasoning_field: Literal["reasoning", "reasoning_content", "none"] | None = Field(
        default=None, description="Name of the reasoning that a message brings back. Absent: as it was sent."
    )
    reasoning_switch: ReasoningSwitch = Field(default="as_sent", description="How reasoning is asked for.")
    usage_unasked: Flag = Field(default=False, description="Streams tell usage without `stream_options`.")
    short_tool_ids: Flag = Field(default=False, description="Ids of tool calls are nine letters or digits.")

    def over(self, known: Quirks) -> Quirks:
        """The row's, with what the file says in place of it."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        for name in ("dialects", "dropped", "refused"):
            if name in said:
                said[name] = frozenset(said[name])
        for name in ("paths", "renamed"):
            if name in said:
                said[name] = tuple(said[name].items())
        if said.get("reasoning_field") == "none":
            said["reasoning_field"] = ""
        if said.get("reasoning_switch") == "as_sent":
            said["reasoning_switch"] = ""
        return replace(known, **said) if said else known

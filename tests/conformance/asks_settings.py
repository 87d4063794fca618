"""Reasoning, sampling, limits, and what goes into books."""

from typing import Any

from tests.conformance.asks import CHAT, MESSAGES, RESPONSES, Ask, Places
from tests.conformance.asks_messages import asked, only
from tests.conformance.marks import Mark, at, both, either, number, there, values


def _same(name: str, value: Any) -> dict[str, dict[str, Any]]:
    return asked(**{name: value})


def _scalar(path: str, value: Any) -> Places:
    return Places(number(path, value, 1e-9) if isinstance(value, float) else at(path, value))


def _all(value: Any, **paths: str) -> dict[str, Places]:
    return {family: _scalar(path, value) for family, path in paths.items()}


def _thinks(body: Any) -> bool:
    """The model is told to think, in one way or another."""
    budget = values(body, "thinking.budget_tokens") + values(body, "thinking.token_budget")
    budget += values(body, "additionalModelRequestFields.thinking.budget_tokens")
    budget += values(body, "generationConfig.thinkingConfig.thinkingBudget")
    level = values(body, "generationConfig.thinkingConfig.thinkingLevel") + values(body, "output_config.effort")
    level += values(body, "additionalModelRequestFields.reasoning_effort") + values(body, "reasoning_effort")
    level += values(body, "additionalModelRequestFields.reasoningConfig.maxReasoningEffort")
    level += values(body, "additionalModelRequestFields.output_config.effort")
    enabled = "enabled" in values(body, "thinking.type") or "adaptive" in values(body, "thinking.type")
    return any(isinstance(each, int) and each > 0 for each in budget) or bool(level) or enabled


def _does_not_think(body: Any) -> bool:
    said = [*values(body, "thinking.type"), *values(body, "additionalModelRequestFields.thinking.type")]
    if "disabled" in said:
        return True
    if 0 in values(body, "generationConfig.thinkingConfig.thinkingBudget"):
        return True
    levels = [*values(body, "reasoning_effort"), *values(body, "generationConfig.thinkingConfig.thinkingLevel")]
    return any(str(level).lower() in ("none", "minimal") for level in levels)


def _quiet(body: Any) -> bool:
    """Nothing is said of thinking, where it is off unless asked for."""
    return not _thinks(body) and "thinking" not in body


_EFFORT: Mark = either(at("reasoning_effort", "high"), at("reasoning.effort", "high"))

ASKS = (
    Ask(
        "reasoning effort",
        "reasoning",
        {
            **only(CHAT, reasoning_effort="high"),
            **only(RESPONSES, reasoning={"effort": "high"}),
            **only(MESSAGES, output_config={"effort": "high"}, max_tokens=8192),
        },
        {
            "openai": Places(_EFFORT),
            "responses": Places(_EFFORT),
            "anthropic": Places(at("output_config.effort", "high"), _thinks),
            "gemini": Places(converted=_thinks),
            "bedrock": Places(converted=_thinks),
            "cohere": Places(converted=_thinks),
        },
        ("reasoning_effort", "reasoning", "output_config"),
    ),
    Ask(
        "reasoning budget",
        "reasoning",
        {
            **only(CHAT, reasoning={"max_tokens": 2048}),
            MESSAGES: {**asked()[MESSAGES], "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}},
        },
        {
            "openai": Places(at("reasoning.max_tokens", 2048), _thinks),
            "anthropic": Places(at("thinking.budget_tokens", 2048)),
            "gemini": Places(at("generationConfig.thinkingConfig.thinkingBudget", 2048), _thinks),
            "bedrock": Places(at("additionalModelRequestFields.thinking.budget_tokens", 2048), _thinks),
            "cohere": Places(at("thinking.token_budget", 2048), _thinks),
        },
        ("reasoning", "thinking"),
    ),
    Ask(
        "reasoning off",
        "reasoning",
        {
            **only(CHAT, reasoning_effort="none"),
            **only(RESPONSES, reasoning={"effort": "none"}),
            **only(MESSAGES, thinking={"type": "disabled"}),
        },
        {
            "openai": Places(
                either(at("reasoning_effort", "none"), at("reasoning.effort", "none"), at("reasoning.enabled", False))
            ),
            "responses": Places(at("reasoning.effort", "none")),
            "anthropic": Places(_does_not_think, _quiet),
            "gemini": Places(_does_not_think),
            "bedrock": Places(_does_not_think, _quiet),
            "cohere": Places(_does_not_think),
        },
        ("reasoning_effort", "reasoning", "thinking"),
    ),
    Ask(
        "most tokens to write",
        "sampling",
        {
            **only(CHAT, max_completion_tokens=77),
            **only(RESPONSES, max_output_tokens=77),
            MESSAGES: {**asked()[MESSAGES], "max_tokens": 77},
        },
        {
            "openai": Places(either(at("max_completion_tokens", 77), at("max_tokens", 77))),
            **_all(
                77,
                responses="max_output_tokens",
                anthropic="max_tokens",
                gemini="generationConfig.maxOutputTokens",
                bedrock="inferenceConfig.maxTokens",
                cohere="max_tokens",
            ),
        },
    ),
    Ask(
        "temperature",
        "sampling",
        _same("temperature", 0.25),
        _all(
            0.25,
            openai="temperature",
            responses="temperature",
            anthropic="temperature",
            gemini="generationConfig.temperature",
            bedrock="inferenceConfig.temperature",
            cohere="temperature",
        ),
        ("temperature",),
    ),
    Ask(
        "temperature above 1",
        "sampling",
        only(CHAT, RESPONSES, temperature=1.5),
        {
            **_all(1.5, openai="temperature", responses="temperature", gemini="generationConfig.temperature"),
            "anthropic": Places(converted=number("temperature", 1.0)),
            "bedrock": Places(number("inferenceConfig.temperature", 1.5), number("inferenceConfig.temperature", 1.0)),
            "cohere": Places(number("temperature", 1.5), number("temperature", 1.0)),
        },
        ("temperature",),
        lowered=True,
    ),
    Ask(
        "top p",
        "sampling",
        _same("top_p", 0.75),
        _all(
            0.75,
            openai="top_p",
            responses="top_p",
            anthropic="top_p",
            gemini="generationConfig.topP",
            bedrock="inferenceConfig.topP",
            cohere="p",
        ),
        ("top_p",),
    ),
    Ask(
        "top k",
        "sampling",
        only(CHAT, MESSAGES, top_k=40),
        {
            **_all(40, openai="top_k", anthropic="top_k", gemini="generationConfig.topK", cohere="k"),
            "bedrock": Places(at("additionalModelRequestFields.top_k", 40)),
        },
        ("top_k",),
    ),
    Ask(
        "stop sequences",
        "sampling",
        {**only(CHAT, stop=["HALT"]), **only(MESSAGES, stop_sequences=["HALT"])},
        _all(
            ["HALT"],
            openai="stop",
            anthropic="stop_sequences",
            gemini="generationConfig.stopSequences",
            bedrock="inferenceConfig.stopSequences",
            cohere="stop_sequences",
        ),
        ("stop", "stop_sequences"),
    ),
    Ask(
        "several choices (n)",
        "sampling",
        only(CHAT, n=2),
        _all(2, openai="n", gemini="generationConfig.candidateCount"),
        ("n",),
    ),
    Ask(
        "log probabilities",
        "sampling",
        {
            **only(CHAT, logprobs=True, top_logprobs=3),
            **only(RESPONSES, include=["message.output_text.logprobs"], top_logprobs=3),
        },
        {
            "openai": Places(both(at("logprobs", True), at("top_logprobs", 3))),
            "responses": Places(at("top_logprobs", 3)),
            "gemini": Places(both(at("generationConfig.responseLogprobs", True), at("generationConfig.logprobs", 3))),
            "cohere": Places(converted=at("logprobs", True)),
        },
        ("logprobs", "top_logprobs"),
    ),
    Ask(
        "seed",
        "sampling",
        only(CHAT, seed=4711),
        _all(4711, openai="seed", gemini="generationConfig.seed", cohere="seed"),
        ("seed",),
    ),
    Ask(
        "penalties",
        "sampling",
        only(CHAT, presence_penalty=0.5, frequency_penalty=0.25),
        {
            "openai": Places(both(number("presence_penalty", 0.5), number("frequency_penalty", 0.25))),
            "gemini": Places(
                both(number("generationConfig.presencePenalty", 0.5), number("generationConfig.frequencyPenalty", 0.25))
            ),
            "cohere": Places(both(number("presence_penalty", 0.5), number("frequency_penalty", 0.25))),
        },
        ("presence_penalty", "frequency_penalty"),
    ),
    Ask(
        "token bias",
        "sampling",
        only(CHAT, logit_bias={"50256": -100}),
        {"openai": Places(there("logit_bias"))},
        ("logit_bias",),
    ),
    Ask(
        "user's name",
        "books",
        {
            **only(CHAT, user="caller-77"),
            **only(RESPONSES, user="caller-77"),
            **only(MESSAGES, metadata={"user_id": "caller-77"}),
        },
        {
            "openai": Places(either(at("user", "caller-77"), at("safety_identifier", "caller-77"))),
            "responses": Places(either(at("user", "caller-77"), at("safety_identifier", "caller-77"))),
            "anthropic": Places(at("metadata.user_id", "caller-77")),
            "bedrock": Places(at("requestMetadata.user", "caller-77"), there("requestMetadata")),
        },
        ("user", "metadata", "safety_identifier"),
    ),
    Ask(
        "metadata",
        "books",
        only(CHAT, RESPONSES, metadata={"trip": "north"}),
        {
            "openai": Places(at("metadata.trip", "north")),
            "responses": Places(at("metadata.trip", "north")),
            "gemini": Places(at("labels.trip", "north")),
            "bedrock": Places(at("requestMetadata.trip", "north")),
        },
        ("metadata",),
    ),
    Ask(
        "service tier",
        "books",
        only(CHAT, RESPONSES, service_tier="flex"),
        {
            "openai": Places(at("service_tier", "flex")),
            "responses": Places(at("service_tier", "flex")),
            "gemini": Places(either(at("service_tier", "flex"), at("serviceTier", "flex"))),
            "bedrock": Places(at("serviceTier.type", "flex")),
        },
        ("service_tier",),
    ),
    Ask(
        "no priority tier",
        "books",
        only(MESSAGES, service_tier="standard_only"),
        {
            "openai": Places(at("service_tier", "default")),
            "anthropic": Places(at("service_tier", "standard_only")),
            "gemini": Places(either(at("service_tier", "standard"), at("serviceTier", "standard"))),
            "bedrock": Places(at("serviceTier.type", "default")),
        },
        ("service_tier",),
        void={
            "gemini": "nothing is served with priority unless it is asked for",
            "bedrock": "nothing is served with priority unless it is asked for",
            "cohere": "it has one tier",
        },
    ),
    Ask(
        "predicted output",
        "books",
        only(CHAT, prediction={"type": "content", "content": "as before"}),
        {"openai": Places(there("prediction"))},
        ("prediction",),
    ),
    Ask(
        "verbosity",
        "books",
        {**only(CHAT, verbosity="low"), **only(RESPONSES, text={"verbosity": "low"})},
        {"openai": Places(at("verbosity", "low")), "responses": Places(at("text.verbosity", "low"))},
        ("verbosity", "text.verbosity"),
    ),
    Ask(
        "spoken answer",
        "books",
        only(CHAT, modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
        {"openai": Places(at("modalities", ["text", "audio"]))},
        ("modalities", "audio"),
    ),
    Ask(
        "a field that nobody knows",
        "books",
        only(CHAT, glint=3),
        {"openai": Places(at("glint", 3))},
        ("glint",),
    ),
)

"""The table of providers: each row is right in itself, and docs/providers.md says the same."""

import re
from pathlib import Path

import pytest

from backends.providers.compatible import KNOWN_PROVIDERS, KnownProvider
from backends.providers.openai.reasoning import SWITCHES
from gateway.translators import dialects

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
ROWS = list(KNOWN_PROVIDERS.values())
PARAMETERS = re.compile(r"[a-z][a-z_]*")
PROMISED = {
    "openai",
    "anthropic",
    "google",
    "vertex",
    "bedrock",
    "azure",
    "mistral",
    "cohere",
    "groq",
    "deepseek",
    "xai",
    "openrouter",
    "together",
    "fireworks",
    "cerebras",
    "sambanova",
    "nebius",
    "novita",
    "hyperbolic",
    "deepinfra",
    "perplexity",
    "moonshot",
    "minimax",
    "zai",
    "zhipu",
    "dashscope",
    "baseten",
    "nvidia",
    "huggingface",
    "databricks",
    "cloudflare",
    "github",
    "ollama",
    "llamacpp",
    "sglang",
    "lmstudio",
    "sandbox",
}


def test_everybody_is_there() -> None:
    assert set(KNOWN_PROVIDERS) >= PROMISED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_page_has_the_row(row: KnownProvider) -> None:
    (line,) = re.findall(rf"^\| `{row.name}` \|.*$", PAGE, re.MULTILINE)
    assert f"| {row.protocol} |" in line
    assert row.key_variable is None or f"`{row.key_variable}`" in line
    assert not row.docs.startswith("http") or f"<{row.docs}>" in line
    for dialect in row.quirks.dialects:
        assert dialect.removeprefix("openai_") in line


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_rows_quirks_name_what_there_is(row: KnownProvider) -> None:
    quirks = row.quirks
    spoken = {dialect.name for dialect in dialects().values()}
    assert quirks.dialects <= spoken
    assert {dialect for dialect, _ in quirks.paths} <= quirks.dialects
    assert all(path.startswith("/") for _, path in quirks.paths)
    assert quirks.reasoning_switch in {"", *SWITCHES}
    assert quirks.reasoning_field in {None, "", "reasoning", "reasoning_content"}
    names = {name for pair in quirks.renamed for name in pair} | quirks.dropped | quirks.refused
    assert all(PARAMETERS.fullmatch(name) for name in names)
    assert not quirks.dropped & quirks.refused
    assert not {old for old, _ in quirks.renamed} & (quirks.dropped | quirks.refused)
    assert row.docs.startswith("https://") or row.name == "sandbox"

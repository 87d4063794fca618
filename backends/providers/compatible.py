"""The providers we know by name, a row each: protocol, base URL, the variable their key is in, their documentation.

A provider that speaks OpenAI's protocol needs nothing but its row; `name: {}` in the routing file is then enough.
Rows of other protocols say which one. `base_url` is what the provider's own client would be given; a `<part>` in it
differs for each account, so the routing file must give the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """What a provider's name alone tells us."""

    name: str
    protocol: str
    base_url: str
    key_variable: str | None
    """Environment variable of the key; None: it takes no key (a server on this machine)."""
    docs: str


_ROWS = (
    KnownProvider(
        "openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "https://platform.openai.com/docs"
    ),
    KnownProvider(
        "anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "https://docs.anthropic.com"
    ),
    KnownProvider(
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com",
        "GEMINI_API_KEY",
        "https://ai.google.dev/gemini-api/docs",
    ),
    KnownProvider("vertex", "vertex", "", None, "https://cloud.google.com/vertex-ai/generative-ai/docs"),
    KnownProvider("bedrock", "bedrock", "", None, "https://docs.aws.amazon.com/bedrock"),
    KnownProvider(
        "azure",
        "azure",
        "https://<resource>.openai.azure.com",
        "AZURE_OPENAI_API_KEY",
        "https://learn.microsoft.com/azure/ai-services/openai/reference",
    ),
    KnownProvider("cohere", "cohere", "https://api.cohere.com", "COHERE_API_KEY", "https://docs.cohere.com"),
    KnownProvider("mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "https://docs.mistral.ai"),
    KnownProvider(
        "groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "https://console.groq.com/docs/openai"
    ),
    KnownProvider(
        "deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "https://api-docs.deepseek.com"
    ),
    KnownProvider("xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY", "https://docs.x.ai"),
    KnownProvider(
        "openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "https://openrouter.ai/docs"
    ),
    KnownProvider("together", "openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "https://docs.together.ai"),
    KnownProvider(
        "fireworks",
        "openai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        "https://docs.fireworks.ai",
    ),
    KnownProvider(
        "cerebras", "openai", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "https://inference-docs.cerebras.ai"
    ),
    KnownProvider(
        "sambanova", "openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY", "https://docs.sambanova.ai"
    ),
    KnownProvider(
        "nebius", "openai", "https://api.studio.nebius.com/v1", "NEBIUS_API_KEY", "https://docs.studio.nebius.com"
    ),
    KnownProvider("novita", "openai", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY", "https://novita.ai/docs"),
    KnownProvider(
        "hyperbolic",
        "openai",
        "https://api.hyperbolic.xyz/v1",
        "HYPERBOLIC_API_KEY",
        "https://docs.hyperbolic.xyz",
    ),
    KnownProvider(
        "deepinfra",
        "openai",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
        "https://deepinfra.com/docs/openai_api",
    ),
    KnownProvider(
        "perplexity", "openai", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", "https://docs.perplexity.ai"
    ),
    KnownProvider(
        "moonshot", "openai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "https://platform.moonshot.ai/docs"
    ),
    KnownProvider(
        "minimax", "openai", "https://api.minimax.io/v1", "MINIMAX_API_KEY", "https://platform.minimax.io/docs"
    ),
    KnownProvider("zai", "openai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", "https://docs.z.ai"),
    KnownProvider(
        "zhipu", "openai", "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY", "https://docs.bigmodel.cn"
    ),
    KnownProvider(
        "dashscope",
        "openai",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        "https://www.alibabacloud.com/help/en/model-studio",
    ),
    KnownProvider("baseten", "openai", "https://inference.baseten.co/v1", "BASETEN_API_KEY", "https://docs.baseten.co"),
    KnownProvider(
        "nvidia",
        "openai",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_API_KEY",
        "https://docs.api.nvidia.com/nim",
    ),
    KnownProvider(
        "huggingface",
        "openai",
        "https://router.huggingface.co/v1",
        "HF_TOKEN",
        "https://huggingface.co/docs/inference-providers",
    ),
    KnownProvider(
        "databricks",
        "openai",
        "https://<workspace>/serving-endpoints",
        "DATABRICKS_TOKEN",
        "https://docs.databricks.com/machine-learning/foundation-model-apis",
    ),
    KnownProvider(
        "cloudflare",
        "openai",
        "https://api.cloudflare.com/client/v4/accounts/<account>/ai/v1",
        "CLOUDFLARE_API_TOKEN",
        "https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility",
    ),
    KnownProvider(
        "github",
        "openai",
        "https://models.github.ai/inference",
        "GITHUB_TOKEN",
        "https://docs.github.com/en/github-models",
    ),
    KnownProvider("ollama", "openai", "http://127.0.0.1:11434/v1", None, "https://docs.ollama.com"),
    KnownProvider("llamacpp", "openai", "http://127.0.0.1:8080/v1", None, "https://github.com/ggml-org/llama.cpp"),
    KnownProvider("sglang", "openai", "http://127.0.0.1:30000/v1", None, "https://docs.sglang.ai"),
    KnownProvider("lmstudio", "openai", "http://127.0.0.1:1234/v1", None, "https://lmstudio.ai/docs"),
    KnownProvider("sandbox", "sandbox", "", None, "docs/sandbox.md"),
)

KNOWN_PROVIDERS: Mapping[str, KnownProvider] = MappingProxyType({row.name: row for row in _ROWS})
"""By the name that a routing file gives them."""

"""Where Azure has its routes: four surfaces, told apart by the base URL and by whether there is an API version.

1. `https://R.openai.azure.com`, no version   → `/openai/v1/chat/completions`, the model in the body
   https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
2. the same with a version                    → `/openai/deployments/MODEL/chat/completions?api-version=V`
   https://learn.microsoft.com/azure/ai-services/openai/reference
3. `https://R.services.ai.azure.com/models`   → `/models/chat/completions?api-version=V`, the model in the body
   https://learn.microsoft.com/rest/api/aifoundry/model-inference
4. a base URL that names the deployment or `/openai/v1` itself is taken at its word

Claude is at `https://R.services.ai.azure.com/anthropic` and speaks Anthropic's protocol: a provider with
`protocol: anthropic`, that base URL and the same key.
"""

from urllib.parse import quote

# The versions to ask for where one is needed and none is given: the newest that is no preview, and the only one.
_DEPLOYMENTS = "2024-10-21"
_MODELS = "2024-05-01-preview"


def route(base_url: str, model: str, api_version: str | None, dialect: str, path: str) -> str:
    """The URL of a route, `path` being OpenAI's own under `/v1`."""
    if base_url.endswith("/models"):
        return _versioned(base_url + path, api_version or _MODELS)
    if "/openai/deployments/" in base_url:
        return _versioned(base_url + path, api_version or _DEPLOYMENTS)
    if base_url.endswith("/openai/v1"):
        return _versioned(base_url + path, api_version)
    root = base_url.removesuffix("/openai")
    if api_version is None:
        return f"{root}/openai/v1{path}"
    if dialect == "openai_responses":  # no deployment in its path
        return _versioned(f"{root}/openai{path}", api_version)
    return _versioned(f"{root}/openai/deployments/{quote(model, safe='')}{path}", api_version)


def _versioned(url: str, api_version: str | None) -> str:
    return url if api_version is None else f"{url}?api-version={quote(api_version, safe='')}"

"""Azure: OpenAI's protocol under other addresses. https://learn.microsoft.com/azure/ai-services/openai/reference"""

from backends.providers.azure.adapter import AzureAdapter

__all__ = ["AzureAdapter"]

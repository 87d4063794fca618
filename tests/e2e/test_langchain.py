"""LangChain's standard tests for chat models: `ChatOpenAI` pointed at the gateway, the sandbox behind it."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.support.gateway import Gateway


# Clients are opened by the suite's fixtures, which never close them: their sockets go with the garbage collector.
# LangChain warns of its own dealings with Pydantic (a version 1 schema, `parsed` in a dump); no gateway could help it.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Pydantic serializer warnings:UserWarning",
    "ignore:Received a Pydantic BaseModel V1 schema:UserWarning",
)
class TestChatOpenAIThroughTheGateway(ChatModelIntegrationTests):
    """Everything the suite asks of a model that reads text, calls tools and answers by schema."""

    gateway: Gateway
    key: str

    @pytest.fixture(autouse=True)
    def _reach(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.key = gateway.key(models=["sandbox-model"])

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "sandbox-model",
            "base_url": f"{self.gateway.base_url}/v1",
            "api_key": self.key,
            "stream_usage": True,
            "max_retries": 0,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return False  # the sandbox answers from text alone: a picture would go unseen

    @property
    def model_override_value(self) -> str:
        return "sandbox-model"

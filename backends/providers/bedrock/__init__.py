"""Amazon Bedrock's Converse and ConverseStream: one wire format for the models of many makers.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from backends.providers.bedrock.adapter import BedrockAdapter

__all__ = ["BedrockAdapter"]

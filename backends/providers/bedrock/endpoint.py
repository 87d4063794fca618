"""Where Bedrock answers. https://docs.aws.amazon.com/general/latest/gr/bedrock.html"""

API_KEY_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
"""Where AWS' own clients look for a Bedrock API key. Without one, requests are signed."""
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def endpoint_url(region: str) -> str:
    """The runtime's base URL in a region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://bedrock-runtime.{region}.{suffix}"

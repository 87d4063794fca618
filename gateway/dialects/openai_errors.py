"""Errors in OpenAI's shape: https://platform.openai.com/docs/guides/error-codes"""

import orjson

from gateway.errors import GatewayError, UpstreamFailed


def render_error(error: GatewayError) -> bytes:
    """`{"error": {message, type, param, code, metadata}}`, or the upstream's own body where that passes through."""
    if isinstance(error, UpstreamFailed) and error.body is not None:
        return error.body
    return orjson.dumps(
        {
            "error": {
                "message": error.message,
                "type": error.type,
                "param": error.param,
                "code": error.code,
                "metadata": {"origin": error.origin, **error.metadata},
            }
        }
    )

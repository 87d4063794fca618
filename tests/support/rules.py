"""The routing file of the end-to-end tests: a few providers on loopback, and models that show one thing each.

A test asks for a model name of its own (`t-...`, `pair-...`), so that scripts, circuits and ledger rows never mix.
"""

from typing import Any

from tests.support.gateway import Document

SHORT_CLOCKS = {
    "connect": "400ms",
    "first_token": "700ms",
    "between_tokens": "700ms",
    "answer": "900ms",
    "total": "20s",
    "stream_total": "60s",
}
ALPHA_PRICE = {"input": 0.10, "output": 0.30, "cached_input": 0.05, "reasoning": 0.70}
"""USD per million tokens: 100, 300, 50 and 700 nano-dollars a token."""
BETA_PRICE = {"input": 2.5, "output": 10}


def provider(base_url: str) -> Document:
    return {"protocol": "openai", "base_url": base_url, "api_key": "${UPSTREAM_SECRET}"}


def target(name: str, model: str = "*", **fields: Any) -> Document:
    return {"provider": name, "model": model, **fields}


def document(upstream_port: int, *, dead_port: int, hole_port: int, **changes: Any) -> Document:
    """Everything the shared gateway serves. `changes` replace top-level parts."""
    base = f"http://127.0.0.1:{upstream_port}"
    alpha = target("alpha", price=ALPHA_PRICE, priority=1)
    beta = target("beta", price=BETA_PRICE, priority=2)
    return {
        "version": 1,
        "tags": {"feature": ["summary", "search"], "env": ["prod", "test"]},
        "providers": {
            "alpha": provider(f"{base}/alpha/v1"),
            "beta": provider(f"{base}/beta/v1"),
            "locked": provider(f"{base}/locked/v1"),  # one that refuses its credential is left alone with all it serves
            "dead": provider(f"http://127.0.0.1:{dead_port}/dead/v1"),
            "hole": provider(f"http://127.0.0.1:{hole_port}/hole/v1"),
            "unset": {"protocol": "openai", "base_url": f"{base}/unset/v1", "api_key": "${NOBODY_SETS_THIS}"},
            "farm": {
                "protocol": "openai",
                "api_key": "${UPSTREAM_SECRET}",
                "endpoints": [{"url": f"{base}/farm-down/v1", "drain": True}, f"{base}/farm-up/v1"],
            },
            "sandbox": {},
        },
        "models": {
            "t-*": {"targets": [alpha]},
            "unpriced-*": {"targets": [target("alpha")]},
            "pair-*": {"targets": [alpha, beta]},
            "locked-*": {"targets": [target("locked")]},
            "dead-*": {"targets": [target("dead", priority=1), beta]},
            "hole-*": {"targets": [target("hole", priority=1), beta]},
            "cheap-*": {"targets": [target("beta", price=BETA_PRICE), alpha], "policy": {"objective": "cost"}},
            "spread-*": {
                "targets": [target("alpha", weight=3), target("beta", weight=1)],
                "policy": {"objective": "weighted"},
            },
            "hasty-*": {
                "targets": [alpha],
                "policy": {"objective": "priority", "timeouts": {"answer": "200ms", "first_token": "200ms"}},
            },
            "farm-*": {"targets": [target("farm")]},
            "only-dead": {"targets": [target("dead", "x")]},
            "only-hole": {"targets": [target("hole", "x")]},
            "named": {"targets": [target("alpha", "upstream-name", price=ALPHA_PRICE)], "context_window": 40960},
            "secret-model": {"targets": [target("alpha", "x")], "hidden": True},
            "switched-off": {"targets": [target("unset", "x")]},
            "sandbox-model": {"targets": [target("sandbox", "sandbox-model", price={"input": 1, "output": 2})]},
        },
        "aliases": {"nick": "named"},
        "policies": {"in-order": {"objective": "priority"}},
        "defaults": {"policy": "in-order", "timeouts": SHORT_CLOCKS, "retry": {"attempts": 1}},
        **changes,
    }


def minimal(upstream_port: int, *, timeouts: Document | None = None, **changes: Any) -> Document:
    """One provider, models `t-*`: for gateways that a test kills or reconfigures."""
    return {
        "version": 1,
        "providers": {"alpha": provider(f"http://127.0.0.1:{upstream_port}/alpha/v1")},
        "models": {"t-*": {"targets": [target("alpha", price=ALPHA_PRICE)]}},
        "defaults": {"timeouts": timeouts or {}, "retry": {"attempts": 1}},
        **changes,
    }

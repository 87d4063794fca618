"""What providers of OpenAI's protocol say in their own way: answers, streams and errors made up after what they send.

`NAME.sse` and `NAME.json` each have an `.expected.json` beside them: what is to be read out of them.
`NAME.error.json` holds an error answer and what it means.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from backends.providers.compatible import KNOWN_PROVIDERS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
WITHOUT_A_ROW = ("google_compatible", "snowflake", "venice", "vercel")
PROVIDERS = (
    *sorted(name for name, row in KNOWN_PROVIDERS.items() if row.protocol in ("openai", "azure")),
    *WITHOUT_A_ROW,
)


class Scenario(NamedTuple):
    name: str
    body: bytes
    expected: dict[str, Any]


def scenarios(kind: str) -> list[Scenario]:
    """`sse` or `json`."""
    found = [path for provider in PROVIDERS for path in sorted((FIXTURES / provider).glob(f"*.{kind}.expected.json"))]
    return [
        Scenario(
            f"{path.parent.name}/{path.name.removesuffix(f'.{kind}.expected.json')}",
            path.with_name(path.name.removesuffix(".expected.json")).read_bytes(),
            json.loads(path.read_bytes()),
        )
        for path in found
    ]


def errors() -> list[Scenario]:
    found = [path for provider in PROVIDERS for path in sorted((FIXTURES / provider).glob("*.error.json"))]
    said = [json.loads(path.read_bytes()) for path in found]
    return [
        Scenario(f"{path.parent.name}/{path.name.removesuffix('.error.json')}", error["body"].encode(), error)
        for path, error in zip(found, said, strict=True)
    ]

"""Options of the whole suite."""

import os

import pytest
from hypothesis import settings

# A build must not be a lottery: the same examples each time. On a developer's machine they are new ones.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--recordings DIR`, or RECORDINGS in the environment: recorded exchanges for tests/replay. `--openapi FILE`, or
    OPENAPI: OpenAI's description of its API, for tests/api."""
    parser.addoption(
        "--recordings",
        default=os.environ.get("RECORDINGS"),
        metavar="DIR",
        help="a folder of recorded exchanges, PROVIDER/API.jsonl, that tests/replay plays to the adapters",
    )
    parser.addoption(
        "--openapi",
        default=os.environ.get("OPENAPI"),
        metavar="FILE",
        help="OpenAI's description of its API, in JSON, that tests/api holds translated answers against",
    )

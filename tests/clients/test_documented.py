"""The examples of docs/applications.md, run as they stand but for the port."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.test_node import installed  # noqa: F401 - a fixture
from tests.support.gateway import ROOT, Gateway

PAGE = (ROOT / "docs" / "applications.md").read_text()
BLOCK = re.compile(r"^```(python|js)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = BLOCK.findall(PAGE)
ADDRESS = "http://127.0.0.1:8080"
NOT_INSTALLED = "llama_index"
"""It keeps the other clients from their newest versions, and brings fifty packages."""


def examples(language: str) -> list[str]:
    return [code for spoken, code in EXAMPLES if spoken == language and NOT_INSTALLED not in code]


def test_all_of_them_are_found() -> None:
    assert (len(examples("python")), len(examples("js")), len(EXAMPLES)) == (4, 2, 7)


ONE_AFTER_THE_OTHER = """
import json, sys
for code in json.load(sys.stdin):
    exec(compile(code, "applications.md", "exec"), {})
    print(chr(12))
"""


@pytest.fixture(scope="module")
def printed(fronted: Gateway, api_key: str) -> list[str]:
    """By each example in Python, in one process of their own: they leave their clients to its end."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER],
        input=json.dumps([code.replace(ADDRESS, fronted.base_url) for code in examples("python")]),
        env={"PATH": os.environ["PATH"], "HEADRACE_API_KEY": api_key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split(chr(12))


@pytest.mark.parametrize("number", range(4), ids=[code.split()[3] for code in examples("python")])
def test_in_python(printed: list[str], number: int) -> None:
    assert "Hello!" in printed[number]


@pytest.mark.parametrize("code", examples("js"), ids=["openai", "ai"])
def test_in_javascript(installed: Path, fronted: Gateway, api_key: str, code: str) -> None:  # noqa: F811
    script = installed / "documented.mjs"
    script.write_text(code.replace(ADDRESS, fronted.base_url))
    environment = {"PATH": os.environ["PATH"], "HOME": str(installed), "HEADRACE_API_KEY": api_key}
    done = subprocess.run(
        ["node", str(script)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Hello!" in done.stdout

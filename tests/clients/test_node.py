"""The clients of applications in JavaScript: OpenAI's for Node, and Vercel's AI SDK. Skipped where npm is missing.

They are installed from the lock file beside their scripts, into a folder that is kept from run to run. Each script goes
through every protocol in one process; what it saw is judged here, a test for each.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients import stage
from tests.conformance.said import TEXT
from tests.support.gateway import Gateway

SCRIPTS = Path(__file__).parent / "node"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
WITHIN_S = 180
CITY = {"city": "Aarhus", "people": 290598}


@pytest.fixture(scope="session")
def installed() -> Path:
    """A folder with the scripts and what they import; a new one for each state of the lock file."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not on the PATH")
    lock = hashlib.sha256((SCRIPTS / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"node-{lock}"
    folder.mkdir(exist_ok=True)
    for file in SCRIPTS.iterdir():
        shutil.copy(file, folder / file.name)
    if not (folder / "installed").exists():
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if done.returncode:
            pytest.skip(f"npm can't install the clients: {done.stderr.strip()[:300]}")
        (folder / "installed").touch()
    return folder


def seen_by(script: str, folder: Path, gateway: Gateway, key: str) -> dict[str, Any]:
    settings = {
        "base_url": gateway.base_url,
        "api_key": key,
        "models": list(stage.PROTOCOLS),
        "outside": stage.OUTSIDE,
        "tool_name": stage.TOOL_NAME,
        "tool_schema": stage.TOOL_SCHEMA,
        "city_schema": stage.CITY_SCHEMA,
        "prompts": {
            "text": stage.TEXT_PROMPT,
            "tool": stage.TOOL_PROMPT,
            "city": stage.CITY_PROMPT,
            "too_long": stage.LONG_PROMPT,
            "limited": stage.LIMITED_PROMPT,
        },
    }
    done = subprocess.run(
        ["node", script, json.dumps(settings)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.fixture(scope="session")
def openai_saw(installed: Path, fronted: Gateway, api_key: str) -> dict[str, Any]:
    return seen_by("openai.mjs", installed, fronted, api_key)


@pytest.fixture(scope="session")
def ai_sdk_saw(installed: Path, fronted: Gateway, api_key: str) -> dict[str, Any]:
    return seen_by("ai_sdk.mjs", installed, fronted, api_key)


def test_openais_client_for_node(openai_saw: dict[str, Any], model: str) -> None:
    seen = openai_saw[model]
    assert "error" not in seen, seen["error"]
    assert (seen["text"], seen["response"]) == (TEXT.text, TEXT.text)
    assert (seen["stream"]["text"], seen["stream"]["tokens"]) == (TEXT.text, 48)
    assert seen["stream"]["pieces"] > 1
    assert seen["tool"]["text"] == stage.TOLD.text
    assert json.loads(seen["tool"]["call"]) == {"place": "Nørrebro"}
    assert seen["schema"] == CITY
    assert seen["too_long"] == "BadRequestError context_length_exceeded"
    assert seen["limited"].startswith("RateLimitError")


@pytest.mark.parametrize("spoken", ["chat", "responses", "messages"])
def test_the_ai_sdk(ai_sdk_saw: dict[str, Any], model: str, spoken: str) -> None:
    seen = ai_sdk_saw[f"{spoken} {model}"]
    assert "error" not in seen, seen["error"]
    assert (seen["text"], seen["finish"]) == (TEXT.text, "stop")
    assert (seen["stream"]["text"], seen["stream"]["tokens"]) == (TEXT.text, 17)
    assert seen["stream"]["pieces"] > 1
    assert (seen["tool"]["text"], seen["tool"]["calls"]) == (stage.TOLD.text, [{"place": "Nørrebro"}])
    assert seen["schema"] == CITY
    assert (seen["too_long"], seen["limited"]) == (400, 429)

"""`headrace providers test`: small real calls, through the gateway, and an honest report of each."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.support import scripts
from tests.support.books import entry
from tests.support.gateway import UPSTREAM_SECRET, Gateway
from tests.support.upstream import Line, Script, Upstream


def tried(gateway: Gateway, name: str, **body: Any) -> dict[str, Any]:
    answer = gateway.admin.post(f"/admin/v1/providers/{name}/test", body)
    assert answer.status == 200, answer.body
    report: dict[str, Any] = answer.json
    return report


def states(report: dict[str, Any]) -> dict[str, str]:
    return {row["capability"]: row["state"] for row in report["capabilities"]}


def command(gateway: Gateway, *arguments: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-c", "from gateway.cli.main import main; main()", "providers", *arguments]
    environment = {**gateway.environment, "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)


def able() -> Script:
    """A provider that can do all of it."""

    async def play(line: Line) -> None:
        asked = line.exchange.json
        if "input" in asked:
            vector = {"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 1.0]}
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            await scripts.answer({"object": "list", "data": [vector], "model": "m", "usage": usage})(line)
        elif "tools" in asked:
            call = {"name": "lookup_weather", "arguments": '{"city": "Oslo"}'}
            await scripts.answer(calling(call))(line)
        elif "response_format" in asked:
            await scripts.answer(scripts.completion('{"city": "Bergen"}', scripts.usage()))(line)
        else:
            await scripts.as_asked()(line)

    return play


def calling(function: dict[str, str]) -> dict[str, Any]:
    made = scripts.completion("", scripts.usage())
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    return {**made, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}


def test_a_provider_that_can_do_all_of_it(gateway: Gateway, upstream: Upstream, model: str) -> None:
    upstream.script(model, able())
    report = tried(gateway, "alpha", model=model, embeddings_model=model)
    assert report["ok"], report
    assert states(report) == dict.fromkeys(("chat", "stream", "tools", "json_schema", "embeddings"), "ok")
    assert all(row["target"].startswith("alpha/") for row in report["capabilities"])
    assert len(upstream.seen(model)) == 5
    row = entry(gateway, report["capabilities"][0]["request_id"])
    assert (row["key_name"], row["input_tokens"], row["output_tokens"]) == ("providers test", 10, 5)


def test_what_a_provider_answers_without_doing_it_is_told(gateway: Gateway, upstream: Upstream, model: str) -> None:
    report = tried(gateway, "alpha", model=model, capabilities=["tools", "json_schema"])
    assert states(report) == {"tools": "not_done", "json_schema": "not_done"}
    assert not report["ok"]
    upstream.script(f"{model}-b", scripts.answer(calling({"name": "lookup_weather", "arguments": '{"town": 1}'})))
    [row] = tried(gateway, "alpha", model=f"{model}-b", capabilities=["tools"])["capabilities"]
    assert (row["state"], "schema" in row["detail"]) == ("not_done", True)
    upstream.script(f"{model}-c", scripts.raw_stream(scripts.ROLE, *scripts.words("half"), then="cut"))
    [row] = tried(gateway, "alpha", model=f"{model}-c", capabilities=["stream"])["capabilities"]
    assert (row["state"], "broke" in row["detail"]) == ("not_done", True)


def test_a_refusal_is_told_with_its_reason_and_without_the_key(
    gateway: Gateway, upstream: Upstream, model: str
) -> None:
    message = f"Incorrect API key provided: {UPSTREAM_SECRET}. You can find it on your page."
    upstream.script(model, scripts.openai_error(400, message), provider="locked")
    answer = gateway.admin.post("/admin/v1/providers/locked/test", {"model": model, "capabilities": ["chat"]})
    [row] = answer.json["capabilities"]
    assert (row["state"], row["detail"][:4]) == ("refused", "400 ")
    assert UPSTREAM_SECRET.encode() not in answer.body
    assert row["ms"] >= 0


def test_one_that_is_switched_off_or_away_is_told(gateway: Gateway) -> None:
    report = tried(gateway, "unset")
    assert (report["enabled"], report["ok"], report["capabilities"]) == (False, False, [])
    assert "NOBODY_SETS_THIS" in report["reason"]
    [row] = tried(gateway, "dead", capabilities=["chat"])["capabilities"]
    assert (row["state"], "connect" in row["detail"]) == ("refused", True)


def test_a_question_that_makes_no_sense_is_refused(gateway: Gateway) -> None:
    unknown = gateway.admin.post("/admin/v1/providers/alhpa/test", {})
    assert (unknown.status, "Did you mean 'alpha'?" in unknown.error["message"]) == (404, True)
    for body, param in (
        ({"capabilities": ["dance"]}, "capabilities"),
        ({"capabilities": []}, "capabilities"),
        ({"x": 1}, "x"),
    ):
        answer = gateway.admin.post("/admin/v1/providers/alpha/test", body)
        assert (answer.status, answer.error["param"]) == (400, param)
    assert gateway.caller().post("/admin/v1/providers/alpha/test", {}).status == 401


def test_the_command_prints_a_row_for_each_capability(gateway: Gateway) -> None:
    done = command(gateway, "test", "sandbox")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert [(row[0], row[1]) for row in rows] == [
        (name, "ok") for name in ("chat", "stream", "tools", "json_schema", "embeddings")
    ]


def test_the_command_stops_where_nothing_can_work(gateway: Gateway) -> None:
    done = command(gateway, "test", "dead", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert states(report) == {"chat": "refused"}
    done = command(gateway, "test", "unset")
    assert (done.returncode, "NOBODY_SETS_THIS is not set" in done.stdout) == (1, True)

"""The schema: every field parses, and every class of fault is told with its place and with what would be right."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.routing.rules import RoutingRules
from gateway.routing.schema.scalars import NANO, parse_duration, parse_usd

EXAMPLES = Path(__file__).parent / "examples"
EVERY_FIELD = (EXAMPLES / "every_field.yaml").read_text()
COMPLETE = (EXAMPLES / "complete.yaml").read_text()

TARGET = """
providers: {sandbox: {}}
models:
  m: {targets: [{provider: sandbox, model: m}]}
"""


def test_the_complete_example_loads(load_rules) -> None:
    table = load_rules(COMPLETE, {"/run/secrets/search": "k"}, OPENAI_API_KEY="k", ACME_KEY="k")
    assert set(table.models) == {
        "qwen3-30b-a3b",
        "assistant",
        "qwen3-235b-a22b",
        "gpt-small",
        "claude-*",
    }


def test_the_file_at_the_root_loads_without_a_note_and_with_nothing_set(load_rules) -> None:
    table = load_rules((Path(__file__).parents[2] / "routing_rules.yaml").read_text())
    assert table.notes == ()
    for model in ("qwen3-30b-a3b", "qwen3-235b-a22b", "fast", "smart"):
        entry = table.resolve(model)
        assert [deployment.target.provider for deployment in entry.deployments] == ["sandbox"]
        assert entry.deployments[0].price is not None
    assert table.resolve("qwen3-30b-a3b").context_window == 40960


def test_the_file_at_the_root_turns_to_vllm_once_it_has_an_address(load_rules) -> None:
    text = (Path(__file__).parents[2] / "routing_rules.yaml").read_text()
    table = load_rules(text, VLLM_BASE_URL="http://10.0.0.11:8000/v1")
    assert [deployment.id for deployment in table.resolve("fast").deployments] == ["qwen/qwen3-30b-a3b@10.0.0.11:8000"]


def fields_given(model: BaseModel, place: str = "") -> set[str]:
    """`Class.field` for every field that is given anywhere in the rules."""
    found = set()
    for name in model.model_fields_set:
        found.add(f"{type(model).__name__}.{name}")
        found |= inside(getattr(model, name))
    return found


def inside(value: object) -> set[str]:
    if isinstance(value, BaseModel):
        return fields_given(value)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return set().union(*(inside(part) for part in parts))


def all_fields(model: type[BaseModel] = RoutingRules) -> set[str]:
    classes = {model}
    waiting = [model]
    while waiting:
        for field in waiting.pop().model_fields.values():
            for inner in models_in(field.annotation):
                if inner not in classes:
                    classes.add(inner)
                    waiting.append(inner)
    return {f"{cls.__name__}.{name}" for cls in classes for name in cls.model_fields}


def models_in(kind: object) -> set[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {kind}
    return set().union(*(models_in(arg) for arg in getattr(kind, "__args__", ()))) if kind is not None else set()


def test_every_field_of_the_schema_parses(load_rules) -> None:
    files = {"more.yaml": "policies: {included: {objective: cost}}", "/run/sa": "{}"}
    rules = load_rules(EVERY_FIELD, files).rules
    refused_until_enforced = {"GuardRules.max_tokens"}
    assert all_fields() - fields_given(rules) == refused_until_enforced


def test_values_are_in_our_units(load_rules) -> None:
    rules = load_rules(EVERY_FIELD, {"more.yaml": "policies: {}", "/run/sa": "{}"}).rules
    clocks = rules.defaults.timeouts
    assert (clocks.connect, clocks.first_token, clocks.total, clocks.stream_total) == (0.25, "learned", 600, 86400)
    price = rules.models["m"].targets[0].price
    assert (price.input, price.request, price.from_) == (100_000_000, 1_000_000, date(2026, 1, 1))
    assert rules.policies["p"].hedge.max_share == 0.05
    assert rules.models["m"].fallbacks.on_error == ("n",)
    assert rules.models["n"].fallbacks.on_refusal == ("m",)
    assert rules.providers["own"].endpoints[0].url == "http://10.0.0.1:8000/v1"


@given(st.decimals(min_value=0, max_value=1_000_000, places=9))
def test_money_is_exact(dollars: Decimal) -> None:
    assert parse_usd(str(dollars)) == int(dollars * NANO)


@given(st.integers(0, 10**9).map(lambda nano: nano / 10**6))
def test_money_written_as_a_number_is_what_it_prints_as(dollars: float) -> None:
    assert parse_usd(dollars) == int(Decimal(repr(dollars)) * NANO)


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("2s", 2), ("10m", 600), ("24h", 86400), ("1m30s", 90), ("1.5s", 1.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


# Each line: what stands in the file in place of TARGET's `{}`-like part, and the whole message.
FAULTS = [
    ("version: 2", "1:10: version: must be 1, not '2'"),
    ("verison: 1", "1:1: verison: unknown key 'verison'; did you mean 'version'?"),
    ("timezone: Mars/Base", "1:11: timezone: a time zone such as UTC or Europe/Berlin, not 'Mars/Base'"),
    ("tags: {my-tag: [a]}", "1:8: tags.my-tag: does not have the form ^[a-zA-Z_][a-zA-Z0-9_]*$"),
    ("providers: {v1: {protocol: openai, base_url: 'http://x/v1'}}", "1:13: providers.v1: this name is reserved"),
    ("providers: {Acme: {protocol: sandbox}}", "1:13: providers.Acme: does not have the form"),
    ("providers: {acme: {}}", "1:13: providers.acme: protocol is required"),
    ("providers: {opnai: {}}", "did you mean 'openai'?"),
    ("providers: {a: {protocol: vlm}}", "1:27: providers.a.protocol: must be 'openai', "),
    ("providers: {a: {protocol: openai}}", "1:13: providers.a: base_url is required"),
    ("providers: {cloudflare: {}}", "base_url is required, such as https://api.cloudflare.com"),
    ("providers: {sandbox: {base_url: 'http://x'}}", "1:23: providers.sandbox.base_url: the sandbox runs inside"),
    ("providers: {openai: {ttft: 1s}}", "1:22: providers.openai.ttft: this belongs to protocol sandbox, not to openai"),
    ("providers: {openai: {api_key: 5}}", "1:31: providers.openai.api_key: a word is needed here"),
    ("providers: {openai: {api_key: k, credentials: {default: k}}}", "api_key and credentials.default are the same"),
    ("providers: {openai: {base_url: 'ftp://x'}}", "1:32: providers.openai.base_url: a URL such as"),
    ("providers: {openai: {base_url: 'http://x:y'}}", "a URL such as"),
    ("providers: {openai: {base_url: 'http://u:p@x'}}", "a base URL has no user, query or fragment"),
    ("providers: {openai: {base_url: 'http://x', endpoints: []}}", "only one of base_url, endpoints and discover"),
    ("providers: {openai: {headers: {'a b': x}}}", "this is not a header name"),
    ("providers: {openai: {headers: {Host: x}}}", "this header belongs to the connection"),
    ('providers: {openai: {headers: {a: "x\\ny"}}}', "a header value has no line break"),
    ("providers: {openai: {discover: {dns: x, srv: y}}}", "exactly one of dns, srv, kubernetes and file"),
    ("providers: {openai: {discover: {}}}", "exactly one of dns, srv, kubernetes and file"),
    ("providers: {openai: {tls: {cert: x}}}", "cert and key come together"),
    (
        "providers: {openai: {limits: {rpm: true}}}",
        "1:36: providers.openai.limits.rpm: a number is needed here, not 'true'",
    ),
    ("providers: {openai: {limits: {rpm: 0}}}", "must be at least 1, not '0'"),
    ("providers: {openai: {limits: {rpm: 1.5}}}", "a whole number is needed here, not '1.5'"),
    ("providers: {openai: {data_policy: {trains: no}}}", "true or false is needed here"),
    ("providers: {sandbox: {error_rate: 150%}}", "a share is a percentage such as 5%, or a number from 0 to 1"),
    ("providers: {sandbox: {errors: [200]}}", "must be at least 400, not '200'"),
    ("models: {m: {}}", "1:13: models.m: either targets or variants"),
    ("models: {m: {targets: []}}", "1:23: models.m.targets: must not be empty"),
    ("models: {m: {targets: x}}", "1:23: models.m.targets: a list is needed here"),
    ("models: {m: x}", "1:13: models.m: a mapping is needed here (key: value), not 'x'"),
    ("models: {'a b': {targets: [{provider: x, model: y}]}}", '1:10: models."a b": does not have the form'),
    ("models: {m: {targets: [{model: y}]}}", "1:24: models.m.targets[0].provider: this key is required"),
    (
        "models: {m: {targets: [{provider: x, model: y, prority: 1}]}}",
        "unknown key 'prority'; did you mean 'priority'?",
    ),
    (
        "models: {m: {targets: [{provider: x, model: y, price: {input: 1}}]}}",
        "input and output are both needed (0 if free)",
    ),
    ("models: {m: {targets: [{provider: x, model: y, price: {gpus: 1}}]}}", "gpus goes with gpu_hour"),
    ("models: {m: {targets: [{provider: x, model: y, price: {gpu_hour: 1, input: 1}}]}}", "either by tokens"),
    (
        "models: {m: {targets: [{provider: x, model: y, price: {input: -1, output: .inf}}]}}",
        "an amount in USD is a number",
    ),
    (
        "models: {m: {targets: [{provider: x, model: y, price: {input: 1, output: 1, from: 5}}]}}",
        "a date is written as",
    ),
    ("models: {m: {targets: [{provider: x, model: y, weight: 0}]}}", "must be more than 0, not '0'"),
    ("models: {m: {sticky: key, targets: [{provider: x, model: y}]}}", "sticky goes with variants"),
    ("models: {m: {variants: {a: {weight: 0, model: n}}}}", "at least one variant needs a weight above 0"),
    (
        "models: {m: {policy: {}, targets: [{provider: x, model: y}]}}",
        "1:22: models.m.policy.objective: this key is required",
    ),
    ("models: {m: {policy: 5, targets: [{provider: x, model: y}]}}", "1:22: models.m.policy: a word is needed here"),
    (
        "models: {m: {fallbacks: [1], targets: [{provider: x, model: y}]}}",
        "1:26: models.m.fallbacks[0]: a word is needed here",
    ),
    ("policies: {p: {objective: costs}}", "1:27: policies.p.objective: must be 'cost', "),
    ("policies: {p: {objective: cost, usd_per_second: 1}}", "usd_per_second belongs to objective: balanced"),
    ("policies: {p: {objective: cost, hedge: {after: p42}}}", "p50, p90, p95, p99, or a time such as 800ms, not 'p42'"),
    (
        "policies: {p: {objective: cost, spill: {expected_wait: 1s, return_below: 2s}}}",
        "return_below is at most expected_wait",
    ),
    (
        "defaults: {timeouts: {connect: 2}}",
        "1:32: defaults.timeouts.connect: a time has a unit: 250ms, 2s, 10m or 24h, not '2'",
    ),
    ("defaults: {timeouts: {first_token: soon}}", "a time such as 60s, or the word learned, not 'soon'"),
    ("defaults: {retry: {retry_on: [200]}}", "connect, timeout, 4xx, 5xx, or a status from 400 to 599, not '200'"),
    ("guards: [{when: 'true', deny: x}]", "1:10: guards[0].name: this key is required"),
    ("guards: [{name: g, when: 'true'}]", "1:10: guards[0]: exactly one of deny, only, except and require"),
    (
        "guards: [{name: g, when: 'true', deny: x, only: {regions: [eu]}}]",
        "exactly one of deny, only, except and require",
    ),
    ("guards: [{name: g, when: 'true', only: {}}]", "at least one of providers, models and regions"),
    ("routes: [{name: r, when: 'true'}]", "1:10: routes[0]: at least one of route, policy and priority"),
    ("routes: [{name: r, when: 'true', priority: 1, dialects: [x]}]", "must be 'openai_chat', "),
    ("aliases: [a]", "1:10: aliases: a mapping is needed here (key: value)"),
    ("providers: x", "1:12: providers: a mapping is needed here (key: value), not 'x'"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[text for text, _ in FAULTS])
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text: str, message: str, faults) -> None:
    problems = faults(text)
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith("routing_rules.yaml:1:") for problem in problems)


def test_all_faults_are_told_in_the_order_of_the_file(faults) -> None:
    problems = faults(
        "version: 3\nproviders: {openai: {x: 1}}\naliases: {a: b}\nguards: [{name: g, when: '(', deny: x}]\n"
    )
    assert [problem.split(":")[1] for problem in problems] == ["1", "2", "3", "4"]


def test_an_unknown_key_far_from_all_others_lists_those_there_are(faults) -> None:
    assert faults("defaults: {xyzzy: 1}") == [
        "routing_rules.yaml:1:12: defaults.xyzzy: unknown key 'xyzzy'; "
        "allowed: circuit_breaker, mid_stream, policy, retry, timeouts"
    ]


def test_hostile_text_in_the_file_is_escaped_and_cut_in_messages(faults) -> None:
    problem = faults('"\\e[31m' + "x" * 500 + '": 1')[0]
    assert "\x1b" not in problem
    assert len(problem) < 500

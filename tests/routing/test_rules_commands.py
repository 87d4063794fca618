"""`headrace rules explain|test|diff`, offline."""

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.rules import app

RULES = """\
tags: {tier: [free, paid]}
providers:
  home: {protocol: vllm, endpoints: ["http://home/v1"]}
  acme: {protocol: openai, base_url: "http://acme/v1", api_key: "${ACME_KEY}"}
models:
  m: {targets: [{provider: home, model: m}, {provider: acme, model: m, priority: 2}]}
  big: {targets: [{provider: acme, model: big}], context_window: 1000}
aliases: {fast: m}
policies: {p: {objective: cost}}
guards:
  - {name: free stays, when: "key.tags.tier == 'free'", only: {providers: [home]}}
  - {name: night, when: "time.hour < 6", deny: "asleep"}
routes:
  - {name: long, models: [fast], when: "request.input_tokens > 5000", route: big}
"""
CASES = """\
environment: {ACME_KEY: any}
cases:
  - name: free keys stay at home
    key: {tags: {tier: free}}
    time: 2026-11-25T12:00:00
    request: {model: fast}
    expect: {target: home, targets: [home], not_targets: [acme], model: m, route: none, guards: [free stays]}
  - name: others may go elsewhere
    time: 2026-11-25T12:00:00
    request: {model: m}
    expect: {target: home/m, targets: [home/m@home, acme/*], policy: priority, denied: false}
  - name: long ones go to the big one
    time: 2026-11-25T12:00:00Z
    input_tokens: 6000
    request: {model: fast}
    expect: {denied: context_length_exceeded}
  - name: nobody works at night
    time: 2026-11-25T03:00:00Z
    request: {model: m}
    expect: {denied: denied_by_guard}
  - name: a key for other models
    key: {models: [big]}
    request: {model: m}
    expect: {denied: true}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("ACME_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routing_rules.yaml").write_text(RULES)

    def go(*arguments: str, **files: str):
        for name, content in files.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        return CliRunner().invoke(app, [*arguments])

    return go


# test


def test_cases_that_come_out_as_expected(run) -> None:
    result = run("test", "cases.yaml", cases__yaml=CASES)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "ok     free keys stay at home"
    assert result.stdout.splitlines()[-1].startswith("5 of 5 cases passed (routing_rules.yaml, ")


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{target: acme}", "target: expected acme, found home/m@home"),
        ("{targets: [home]}", "targets: expected home, found home/m@home, acme/m@acme"),
        ("{not_targets: [acme]}", "target: acme/m@acme is one of acme"),
        ("{model: big}", "model: expected big, found m"),
        ("{route: long}", "route: expected long, found none"),
        ("{policy: p}", "policy: expected p, found priority"),
        ("{guards: [free stays]}", "guards: expected free stays, found none"),
        ("{denied: true}", "expected it to be denied, but it goes to home/m@home, acme/m@acme"),
    ],
)
def test_a_case_that_does_not_says_what_came_instead(expect: str, said: str, run) -> None:
    case = f"{{name: c, time: 2026-11-25T12:00:00Z, request: {{model: m}}, expect: {expect}}}"
    result = run("test", "cases.yaml", cases__yaml=f"environment: {{ACME_KEY: x}}\ncases: [{case}]")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == ["failed c", f"         {said}"]


def test_a_refusal_that_nobody_expected_is_told(run) -> None:
    result = run("test", "c.yaml", "--json", c__yaml="cases: [{name: c, request: {model: x}, expect: {model: m}}]")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert "expected it to be served, but it was refused with model_not_found" in told["cases"][0]["problems"][0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: []", "cases: "),
        ("cases: [{name: c, request: {}, expect: {targt: x}}]", "cases.0.expect.targt: "),
        ("just words", "file: "),
        ("a: [", "this is neither YAML nor JSON"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused_by_name(text: str, said: str, run) -> None:
    result = run("test", "cases.yaml", cases__yaml=text)
    assert result.exit_code == 1
    assert said in result.stderr


# explain


def test_explain_tells_the_decision_in_words(run) -> None:
    result = run("explain", "body.json", "--tag", "tier=free", body__json=json.dumps({"model": "fast", "n": 2}))
    assert result.exit_code in (0, 1)  # at night it is denied, and that is explained too
    case = {"request": {"model": "fast", "n": 2}, "key": {"tags": {"tier": "free"}}}
    result = run("explain", "case.json", "--json", case__json=json.dumps(case))
    told = json.loads(result.stdout)
    assert told["model"] == "fast"
    assert told["needs"] == ["n"]


def test_explain_by_day(run, tmp_path) -> None:
    (tmp_path / "routing_rules.yaml").write_text(RULES.replace("time.hour < 6", "time.hour > 99"))
    result = run("explain", "body.json", "--tag", "tier=free", body__json=json.dumps({"model": "fast", "n": 2}))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "model      fast → m"
    assert "guard      free stays (line 11)" in lines
    assert "needs      n" in lines
    assert "1. home/m@home  price unknown, no history" in lines
    assert "   not acme/m: provider 'acme' is disabled: ACME_KEY is not set" in lines


def test_explain_of_what_is_denied_fails(run) -> None:
    rules = RULES.replace("time.hour < 6", "true")
    result = run("explain", "b.json", "--rules", "r.yaml", b__json='{"model": "m"}', r__yaml=rules)
    assert result.exit_code == 1
    assert "denied     403 denied_by_guard: asleep (guard 'night')" in result.stdout


def test_explain_refuses_what_is_no_request(run) -> None:
    assert run("explain", "b.json", b__json="[1]").exit_code == 1
    result = run("explain", "b.json", b__json='{"model": "nobody"}')
    assert result.exit_code == 1
    assert "There is no model 'nobody'" in result.stderr
    assert run("explain", "b.json", "--tag", "tier", b__json='{"model": "m"}').exit_code == 2


# diff


def test_no_difference(run) -> None:
    result = run("diff", "a.yaml", "b.yaml", "--exit-code", a__yaml=RULES, b__yaml=f"# with a comment\n{RULES}")
    assert (result.exit_code, result.stdout) == (0, "no difference\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("model: m, priority: 2}", "model: m, priority: 3}", '~ models.m.targets."acme/m".priority: 2 → 3'),
        ("  big: {", "  huge: {targets: [{provider: home, model: h}]}\n  big: {", "+ models.huge: {targets: {home/h"),
        ("objective: cost", "objective: latency", "~ policies.p.objective: cost → latency"),
        ("aliases: {fast: m}", "aliases: {fast: big}", "~ aliases.fast: m → big"),
        (
            "tokens > 5000",
            "tokens > 9000",
            "~ routes.long.when: request.input_tokens > 5000 → request.input_tokens > 9000",
        ),
        ('  - {name: night, when: "time.hour < 6", deny: "asleep"}\n', "", "- guards.night: {name: night, "),
        ('"${ACME_KEY}"', "sk-new", "+ providers.acme.api_key: (a secret)"),
    ],
)
def test_each_difference(old: str, new: str, said: str, run) -> None:
    assert old in RULES
    result = run("diff", "a.yaml", "b.yaml", a__yaml=RULES, b__yaml=RULES.replace(old, new))
    assert result.exit_code == 0, result.output
    assert said in result.stdout
    assert "sk-new" not in result.stdout


def test_a_changed_secret_is_told_and_not_shown(run) -> None:
    one, other = (RULES.replace('"${ACME_KEY}"', secret) for secret in ("sk-one", "sk-other"))
    result = run("diff", "a.yaml", "b.yaml", "--json", a__yaml=one, b__yaml=other)
    change = json.loads(result.stdout)["changes"][0]
    assert change == {
        "kind": "changed",
        "where": "providers.acme.api_key",
        "before": "(a secret)",
        "after": "(a secret)",
    }


def test_what_a_model_leads_to_is_compared_as_well(run) -> None:
    result = run("diff", "a.yaml", "b.yaml", "--exit-code", a__yaml=RULES, b__yaml=RULES.replace('"${ACME_KEY}"', "k"))
    assert result.exit_code == 1
    assert "~ targets that answer for m: home/m@home → home/m@home, acme/m@acme" in result.stdout


def test_routes_in_another_order(run) -> None:
    more = '  - {name: second, when: "request.stream", route: big}\n'
    first = RULES.replace("routes:\n", f"routes:\n{more}")
    result = run("diff", "a.yaml", "b.yaml", a__yaml=RULES + more, b__yaml=first)
    assert result.stdout == "↕ routes: long, second → second, long\n"


def test_a_file_that_does_not_load_is_no_difference(run) -> None:
    result = run("diff", "a.yaml", "b.yaml", a__yaml=RULES, b__yaml="version: 2\n")
    assert result.exit_code == 1
    assert "b.yaml:1:10: version" in result.stderr

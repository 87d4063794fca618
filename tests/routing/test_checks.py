"""What is probably a mistake in a file that loads."""

import pytest

BASE = """\
providers:
  a: {protocol: openai, base_url: "http://a/v1", data_policy: {region: eu}}
  b: {protocol: openai, base_url: "http://b/v1", quirks: {refused: [n], json_schema: false}}
models:
  m: {targets: [{provider: a, model: m}]}
  big: {targets: [{provider: b, model: big}]}
aliases: {fast: m}
policies:
  p: {objective: priority}
"""


@pytest.fixture
def notes(load_rules):
    return lambda more="", text=BASE: list(load_rules(text + more).notes)


def test_a_sound_file_gives_no_notes(notes) -> None:
    assert notes("routes: [{name: r, when: 'request.stream', route: big}]") == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("when: 'true'", "when: 'request.stream'"),
        ("when: '1 < 2'", "when: 'request.stream', models: [m]"),
        ("when: 'request.stream'", "when: ' request.stream'"),
        ("when: 'request.stream'", "when: 'request.has_tools && request.stream'"),
        ("when: 'request.stream', models: [m, fast]", "when: 'request.stream', models: fast"),
        ("when: 'request.stream', models: ['f*']", "when: 'request.stream', models: fast"),
        ("when: 'true', dialects: [openai_chat, rerank]", "when: 'true', dialects: [rerank]"),
        ("when: 'request.model == \"a && b\"'", "when: 'request.stream && request.model == \"a && b\"'"),
        ("when: 'true', policy: p", "when: 'false'"),
        (
            "when: '(request.stream || request.has_tools)'",
            "when: 'request.json_schema && (request.stream || request.has_tools)'",
        ),
    ],
)
def test_a_route_that_is_never_reached(earlier: str, later: str, notes) -> None:
    found = notes(f"routes:\n  - {{name: one, {earlier}, route: big}}\n  - {{name: two, {later}, route: big}}\n")
    assert [note for note in found if note.startswith("route 'two' (line 12) is never reached")], found


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("when: 'request.stream'", "when: 'true'"),
        ("when: 'request.stream && request.has_tools'", "when: 'request.stream'"),
        ("when: 'request.stream || request.has_tools'", "when: 'request.stream'"),
        ("when: 'request.stream'", "when: 'request.stream || request.has_tools && request.json_schema'"),
        ("when: 'true', models: [m]", "when: 'true'"),
        ("when: 'true', models: [m]", "when: 'true', models: [m, big]"),
        ("when: 'true', dialects: [rerank]", "when: 'true'"),
        ("when: 'load[\"a\"].waiting > 1'", "when: 'load[\"a\"].waiting > 1'"),
    ],
)
def test_a_route_that_may_be_reached(earlier: str, later: str, notes) -> None:
    found = notes(f"routes:\n  - {{name: one, {earlier}, route: big}}\n  - {{name: two, {later}, route: big}}\n")
    assert not [note for note in found if "is never reached" in note]


def test_a_condition_that_is_never_true(notes) -> None:
    assert notes("routes: [{name: r, when: '2 < 1', route: big}]") == [
        "route 'r' (line 10) is never reached: its condition is always false"
    ]


def test_fallbacks_that_lead_in_a_circle_are_told_once(notes) -> None:
    text = BASE.replace("model: m}]}", "model: m}], fallbacks: [big]}").replace(
        "model: big}]}", "model: big}], fallbacks: [fast]}"
    )
    assert notes(text=text) == ["model 'm' (line 5): its fallbacks lead in a circle: m → big → m"]
    itself = BASE.replace("model: m}]}", "model: m}], fallbacks: {on_refusal: [m]}}")
    assert notes(text=itself) == ["model 'm' (line 5): its fallbacks lead in a circle: m → m"]
    crossed = BASE.replace("model: m}]}", "model: m}], fallbacks: [big]}")
    crossed = crossed.replace("model: big}]}", "model: big}], fallbacks: {on_refusal: [m]}}")
    assert notes(text=crossed) == []


def test_a_target_that_lacks_what_its_model_promises(notes) -> None:
    more = "\n".join(
        (
            "",
            "  w:",
            "    capabilities: [tools, n, json_schema]",
            "    context_window: 1000",
            "    targets: [{provider: a, model: w, capabilities: [n], context_window: 500}, {provider: b, model: w}]",
            "",
        )
    )
    text = BASE.replace("aliases:", more.strip("\n") + "\naliases:")
    assert notes(text=text) == [
        "model 'w' (line 7): its target a/w@a does not do json_schema, tools, which it promises",
        "model 'w' (line 7): its target a/w@a reads 500 tokens, and it promises 1000",
        "model 'w' (line 7): its target b/w@b does not do n, json_schema, which it promises",
    ]


def test_a_capability_that_is_none(notes) -> None:
    text = BASE.replace("m: {targets", "m: {capabilities: [toolz, fly], targets")
    assert notes(text=text)[1] == "capability 'toolz' is nothing that a request can need; did you mean 'tools'?"
    assert notes(text=text)[0].startswith("capability 'fly' is nothing that a request can need; there are: audio, ")


def test_objective_cost_with_an_unknown_price(notes) -> None:
    text = BASE.replace("p: {objective: priority}", "p: {objective: cost}\ndefaults: {policy: p}")
    text = text.replace("model: m}", "model: m, price: {input: 1, output: 1}}")
    assert notes(text=text) == [
        "model 'big' (line 6): by cost b/big@b comes last, since the price is unknown; "
        "give price or charge: {input, output}"
    ]


def test_a_policy_that_nobody_can_satisfy(notes) -> None:
    text = BASE.replace("p: {objective: priority}", "p: {objective: priority, require: {regions: [us]}}")
    assert notes(text=text) == ["policy 'p' (line 9): no target in this file satisfies it"]
    used = text.replace("model: m}]", "model: m}], policy: p")
    assert "model 'm' (line 5): no target of it satisfies policy 'p'" in notes(text=used)
    some = text.replace("[us]", "[eu]").replace("model: big}]", "model: big}], policy: p")
    assert notes(text=some) == ["model 'big' (line 6): no target of it satisfies policy 'p'"]


def test_where_a_provider_is_disabled_nothing_is_known_for_certain(notes) -> None:
    text = BASE.replace("p: {objective: priority}", "p: {objective: priority, require: {regions: [us]}}")
    disabled = text.replace("providers:", "providers:\n  openai: {}").replace("{provider: b,", "{provider: openai,")
    assert notes(text=disabled) == []


def test_a_guard_that_nobody_can_satisfy(notes) -> None:
    guard = "guards: [{name: g, when: 'request.stream', require: {retains: false}}]"
    assert notes(guard) == ["guard 'g' (guards[0]): no target in this file satisfies what it requires"]

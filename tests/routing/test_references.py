"""Names in the file lead somewhere; a name that does not is told with the nearest one that would."""

import pytest

HEAD = "providers: {qwen: {protocol: vllm, endpoints: ['http://q:1']}, sandbox: {}}\n"
MODELS = (
    HEAD
    + "models: {big: {targets: [{provider: qwen, model: b}]}, 'gpt-*': {targets: [{provider: qwen, model: '*'}]}}\n"
)

FAULTS = [
    (
        HEAD,
        "models: {m: {targets: [{provider: quen, model: x}]}}",
        "2:35: models.m.targets[0].provider: unknown provider 'quen'; did you mean 'qwen'?",
    ),
    (HEAD, "models: {m: {targets: [{provider: x, model: x}]}}", "unknown provider 'x'; there are: qwen, sandbox"),
    (
        HEAD,
        "models: {m: {targets: [{provider: qwen, model: '*'}]}}",
        "models.m.targets[0].model: '*' stands for the name asked for",
    ),
    (
        HEAD,
        "models: {'m:floor': {targets: [{provider: qwen, model: x}]}}",
        'models."m:floor": a model name can\'t end in :floor or :nitro',
    ),
    (
        HEAD,
        "models: {m: {policy: p, targets: [{provider: qwen, model: x}]}}",
        "2:22: models.m.policy: unknown policy 'p'; there are: none",
    ),
    (MODELS, "aliases: {a: bigg}", "3:14: aliases.a: unknown model 'bigg'; did you mean 'big'?"),
    (MODELS, "aliases: {big: big}", "3:11: aliases.big: this is the name of a model already"),
    (MODELS, "aliases: {a: big, b: a}", "aliases.b: unknown model 'a'; an alias can't lead to another alias"),
    (MODELS, "aliases: {'a*': big}", "an alias has no '*'"),
    (
        MODELS,
        "defaults: {policy: cheap}\npolicies: {cheapest: {objective: cost}}",
        "3:20: defaults.policy: unknown policy 'cheap'; did you mean 'cheapest'?",
    ),
    (
        MODELS,
        "routes: [{name: r, when: 'true', route: bg}]",
        "routes[0].route: unknown model 'bg'; did you mean 'big'?",
    ),
    (MODELS, "routes: [{name: r, when: 'true', models: [bg], policy: p}]", "routes[0].models[0]: unknown model 'bg'"),
    (
        MODELS,
        "guards: [{name: g, when: 'true', only: {providers: [qwn]}}]",
        "guards[0].only.providers[0]: unknown provider 'qwn'",
    ),
    (
        MODELS,
        "guards: [{name: g, when: 'true', except: {models: [bg]}}]",
        "guards[0].except.models[0]: unknown model 'bg'",
    ),
    (
        MODELS,
        "guards: [{name: g, when: 'true', deny: x}, {name: g, when: 'true', deny: x}]",
        "guards[1].name: this name is taken",
    ),
    (
        MODELS,
        "egress: {allow: ['*.example.com']}",
        "1:48: providers.qwen.endpoints[0]: egress.allow does not let this provider's host through",
    ),
]


@pytest.mark.parametrize(("head", "text", "message"), FAULTS, ids=[text for _, text, _ in FAULTS])
def test_a_name_that_leads_nowhere_is_told_with_the_nearest(head: str, text: str, message: str, faults) -> None:
    problems = faults(head + text)
    assert any(message in problem for problem in problems), problems


def test_fallbacks_and_variants_are_checked_too(faults) -> None:
    problems = faults(
        HEAD
        + """
models:
  m: {targets: [{provider: qwen, model: x}], fallbacks: {on_refusal: [nn]}}
  n: {targets: [{provider: qwen, model: x}], fallbacks: [m, mm]}
  v: {variants: {a: {weight: 1, model: x}, b: {weight: 1, model: "m:lora"}, c: {weight: 1, model: v}}}
"""
    )
    assert [problem.split(": ")[1] for problem in problems] == [
        "models.m.fallbacks.on_refusal[0]",
        "models.n.fallbacks[1]",
        "models.v.variants.a.model",
        "models.v.variants.c.model",
    ]


def test_names_below_a_wildcard_and_of_a_provider_are_models(load_rules) -> None:
    table = load_rules(MODELS + "aliases: {a: gpt-9, b: qwen/c}\n")
    assert table.resolve("a").deployments[0].target.model == "gpt-9"
    assert table.resolve("b").deployments[0].target.model == "c"


def test_known_providers_are_held_to_the_egress_list_too(faults) -> None:
    assert (
        "1:13: providers.openai: egress.allow"
        in faults("providers: {openai: {}}\negress: {allow: [llm.example.com]}")[0]
    )


def test_an_egress_list_lets_through_what_it_names(load_rules) -> None:
    load_rules(MODELS + "egress: {allow: [q]}")

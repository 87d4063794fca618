"""`${…}`: replaced after parsing, in values only, and never repeated in a message."""

import pytest

BASE = """
providers:
  acme: {{protocol: openai, base_url: "http://acme/v1", {field}}}
models: {{m: {{targets: [{{provider: acme, model: m}}]}}}}
"""


def acme(field: str) -> str:
    return BASE.format(field=field)


def key_of(table) -> str | None:
    return table.providers["acme"].api_key


def test_a_variable_a_default_and_a_file(load_rules) -> None:
    assert key_of(load_rules(acme("api_key: '${KEY}'"), KEY="k1")) == "k1"
    assert key_of(load_rules(acme("api_key: '${KEY:-k2}'"))) == "k2"
    assert key_of(load_rules(acme("api_key: '${KEY:-k2}'"), KEY="")) == "k2"
    assert key_of(load_rules(acme("api_key: '${file:/run/k}'"), {"/run/k": "k3\n"})) == "k3"
    assert key_of(load_rules(acme("api_key: 'a-${KEY}-b'"), KEY="k")) == "a-k-b"


def test_a_doubled_dollar_is_a_literal_one(load_rules) -> None:
    assert key_of(load_rules(acme("api_key: 'a$${KEY}$x'"))) == "a${KEY}$x"


def test_a_value_that_looks_like_yaml_stays_a_value(load_rules) -> None:
    table = load_rules(acme("headers: {x-a: '${V}'}"), V="b, c: {d: e}")
    assert table.providers["acme"].headers == (("x-a", "b, c: {d: e}"),)


def test_a_value_is_not_substituted_again(load_rules) -> None:
    assert key_of(load_rules(acme("api_key: '${KEY}'"), KEY="${OTHER}", OTHER="x")) == "${OTHER}"


def test_keys_are_left_alone(faults) -> None:
    assert "unknown key '${K}'" in faults("'${K}': 1", K="version")[0]


def test_a_variable_may_give_a_number_a_share_a_time_or_a_truth_value(load_rules) -> None:
    table = load_rules(
        """
        providers:
          sandbox: {error_rate: "${RATE}", seed: "${SEED}", ttft: "${TTFT}"}
        models: {m: {hidden: "${HIDDEN}", targets: [{provider: sandbox, model: m, price: {input: "${IN}", output: 0}}]}}
        """,
        RATE="25%",
        SEED="7",
        TTFT="1.5s",
        HIDDEN="true",
        IN="0.1",
    )
    settings = table.providers["sandbox"].sandbox
    assert (settings.error_rate, settings.seed, settings.ttft_s) == (0.25, 7, 1.5)
    assert table.models["m"].hidden is True
    assert table.models["m"].deployments[0].price.input == 100_000_000


@pytest.mark.parametrize(
    "field", ["api_key: '${ACME_KEY}'", "credentials: {default: '${ACME_KEY}'}", "api_key: 'x-${ACME_KEY}'"]
)
def test_an_unset_key_disables_its_provider(field: str, load_rules) -> None:
    state = load_rules(acme(field)).providers["acme"]
    assert (state.enabled, state.reason) == (False, "ACME_KEY is not set")


def test_an_empty_key_is_as_good_as_unset(load_rules) -> None:
    state = load_rules(acme("api_key: '${ACME_KEY}'"), ACME_KEY="").providers["acme"]
    assert (state.enabled, state.reason) == (False, "ACME_KEY is not set")


def test_a_teams_unset_key_disables_the_provider(load_rules) -> None:
    state = load_rules(acme("credentials: {default: d, teams: {search: '${TEAM_KEY}'}}")).providers["acme"]
    assert (state.enabled, state.reason) == (False, "TEAM_KEY is not set")


def test_an_unset_variable_elsewhere_is_an_error(faults) -> None:
    problem = faults(acme("headers: {x-a: '${V}'}"))[0]
    assert problem.startswith("routing_rules.yaml:3:71: providers.acme.headers.x-a: ")
    assert problem.endswith("the environment variable V is not set; '${V:-default}' gives a default")


def test_a_file_that_can_not_be_read_is_an_error_even_for_a_key(faults) -> None:
    assert "the file /gone can't be read: No such file or directory" in faults(acme("api_key: '${file:/gone}'"))[0]


@pytest.mark.parametrize("reference", ["${}", "${a b}", "${1A}", "${A", "${A:-${B}}", "${A-b}"])
def test_a_malformed_reference_is_an_error(reference: str, faults) -> None:
    assert "'$${' is a literal '${'" in faults(acme(f"headers: {{x-a: '{reference}'}}"), A="1", B="1")[0]


@pytest.mark.parametrize(
    "field",
    [
        "headers: {x-a: '${V}'}",
        "api_key: '${V}'",
        "timeouts: {connect: '${V}'}",
        "tls: '${V}'",
        "limits: {rpm: '${V}'}",
        "data_policy: {trains: '${V}'}",
    ],
)
def test_a_value_from_the_environment_is_never_repeated(field: str, faults) -> None:
    secret = "hunter2 is\nno good"
    assert not any("hunter2" in problem for problem in faults(acme(field), V=secret))


def test_a_substituted_name_is_never_repeated(faults) -> None:
    text = acme("api_key: k") + "aliases: {a: '${V}'}\ndefaults: {policy: '${V}'}\n"
    problems = faults(text, V="hunter2")
    assert len(problems) == 2
    assert not any("hunter2" in problem for problem in problems)


def test_a_secret_written_into_the_file_is_never_repeated(faults) -> None:
    problems = faults(acme("api_key: 'hunter2 has blanks', session_token: hunter2"))
    assert len(problems) == 2
    assert not any("hunter2" in problem for problem in problems)
    assert (
        "hunter2"
        not in faults(BASE.format(field="headers: {a: 1}").replace("http://acme", "http://me:hunter2@acme"))[0]
    )


def test_no_secret_shows_in_a_repr(load_rules) -> None:
    table = load_rules(acme("api_key: '${KEY}', headers: {x-a: hunter2}"), KEY="hunter2")
    assert "hunter2" not in repr(table)
    assert "hunter2" not in repr(table.providers)
    assert "hunter2" not in repr(table.models)
    assert "hunter2" not in repr(table.rules)


def test_files_of_secrets_are_named_so_that_they_can_be_watched(load_rules) -> None:
    assert load_rules(acme("api_key: '${file:/run/k}'"), {"/run/k": "k"}).files == ("/run/k",)

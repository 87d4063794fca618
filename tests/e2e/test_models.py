"""What may be asked for, and the pages that need no model."""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway


def listed(app: Caller) -> dict[str, Any]:
    answer = app.get("/v1/models")
    assert answer.status == 200
    assert answer.json["object"] == "list"
    return {model["id"]: model for model in answer.json["data"]}


def test_models_are_listed_in_openais_shape_with_openrouters_fields(app: Caller) -> None:
    model = listed(app)["named"]
    assert model["object"] == "model"
    assert isinstance(model["created"], int)
    assert isinstance(model["owned_by"], str)
    assert model["context_length"] == 40960
    assert Decimal(model["pricing"]["prompt"]) == Decimal("0.0000001")
    assert Decimal(model["pricing"]["completion"]) == Decimal("0.0000003")
    assert "supported_parameters" in model


def test_hidden_and_switched_off_models_are_not_listed(app: Caller) -> None:
    names = listed(app)
    assert "sandbox-model" in names
    assert "secret-model" not in names
    assert "switched-off" not in names


def test_a_key_sees_only_the_models_it_may_use(gateway: Gateway) -> None:
    app = gateway.caller(models=["named", "t-*"])
    assert "named" in listed(app)
    assert "sandbox-model" not in listed(app)
    assert app.get("/v1/models/named").json["id"] == "named"
    assert app.get("/v1/models/sandbox-model").status in (403, 404)


def test_one_model_is_shown_by_name_and_by_alias(app: Caller) -> None:
    assert app.get("/v1/models/named").json["id"] == "named"
    assert app.get("/v1/models/nick").status == 200


def test_an_unknown_model_is_404_and_names_the_nearest(app: Caller) -> None:
    for answer in (app.get("/v1/models/namd"), app.chat("namd")):
        assert answer.status == 404
        assert answer.error["code"] == "model_not_found"
        assert "named" in answer.error["message"]


def test_a_key_may_not_use_other_models(gateway: Gateway) -> None:
    answer = gateway.caller(models=["named"]).chat("sandbox-model")
    assert answer.status == 403
    assert answer.error["code"] == "model_not_allowed"
    assert answer.headers["x-should-retry"] == "false"


def test_a_hidden_model_still_answers(app: Caller) -> None:
    assert app.chat("secret-model").status == 200


def test_a_model_whose_provider_has_no_key_says_which_variable_is_unset(app: Caller) -> None:
    answer = app.chat("switched-off")
    assert answer.status == 403
    assert answer.error["code"] == "no_eligible_target"
    assert "NOBODY_SETS_THIS" in answer.error["message"]


def test_models_need_a_key(gateway: Gateway) -> None:
    assert Caller(gateway.base_url, None).get("/v1/models").status == 401


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_answers_without_a_key(gateway: Gateway, method: str) -> None:
    assert Caller(gateway.base_url, None).call(method, "/").status == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_key(gateway: Gateway, path: str) -> None:
    assert Caller(gateway.base_url, None).get(path).status == 200

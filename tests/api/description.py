"""OpenAI's own description of its API (OpenAPI 3.1), as something to hold answers against.

https://github.com/openai/openai-openapi: the file is not ours to keep, so a test is told where one is.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

_URI = "urn:described"


class Description:
    """The schemas of one file."""

    def __init__(self, path: Path) -> None:
        self._document = _with_nulls(json.loads(path.read_bytes()))

    def faults(self, schema: str, value: Any) -> Iterator[str]:
        """What is wrong with a value that is to be one of these."""
        if schema == "ResponseStreamEvent":  # by its type, so that the fault is told and not that nothing fits
            schema = self._event_names.get(value.get("type"), schema)
        error = best_match(self._validator(schema).iter_errors(value))
        if error is not None:
            yield f"{schema} {error.json_path}: {error.message[:300]}"

    @property
    def _schemas(self) -> Mapping[str, Any]:
        schemas: Mapping[str, Any] = self._document["components"]["schemas"]
        return schemas

    @cached_property
    def _registry(self) -> "Registry[Any]":
        return Registry().with_resource(_URI, Resource(self._document, DRAFT202012))

    @cached_property
    def _event_names(self) -> Mapping[str, str]:
        names = {}
        for variant in self._schemas["ResponseStreamEvent"]["anyOf"]:
            name = variant["$ref"].rpartition("/")[2]
            for kind in self._schemas[name]["properties"]["type"]["enum"]:
                names[kind] = name
        return names

    def _validator(self, schema: str) -> Draft202012Validator:
        return Draft202012Validator({"$ref": f"{_URI}#/components/schemas/{schema}"}, registry=self._registry)


def _with_nulls(value: Any) -> Any:
    """`nullable`, which the file has from OpenAPI 3.0, said in the words of 3.1."""
    if isinstance(value, list):
        return [_with_nulls(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    said = {name: _with_nulls(inner) for name, inner in value.items()}
    if said.pop("nullable", None) is True:
        return {"anyOf": [said, {"type": "null"}]}
    return said

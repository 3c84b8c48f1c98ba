"""The JSON schema of configurations, for editors and for other programs."""

from __future__ import annotations

from typing import Any, final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from streammtl.config import RunConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a configuration file.

    >>> sorted(json_schema()["required"])
    ['schema', 'source', 'tasks']
    """
    return {"$schema": DIALECT, **schema_of(RunConfig)}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of some settings."""
    return model.model_json_schema(schema_generator=_AsWritten)


@final
class _AsWritten(GenerateJsonSchema):
    """Says what may be written, which can be more than what comes out of it."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """What a function takes that runs before validation is known only if it says so, or expands a kind."""
        if "json_schema_input_schema" in schema or schema["schema"]["type"] == "tagged-union":
            return super().function_before_schema(schema)
        return {}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """The alternatives, and the kinds that may stand alone because nothing else has to be given."""
        union = super().tagged_union_schema(schema)
        if schema["discriminator"] != "kind":
            return union
        alone = [str(kind) for kind, choice in schema["choices"].items() if not self._requires_settings(choice)]
        return {"anyOf": [{"enum": alone}, union]} if alone else union

    def _requires_settings(self, choice: core_schema.CoreSchema) -> bool:
        reference = self.generate_inner(choice).get("$ref", "")
        definition = self.get_schema_from_definitions(reference)
        return definition is not None and bool(definition.get("required"))

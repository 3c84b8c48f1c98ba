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
    return model.model_json_schema(schema_generator=_WithKindsAlone)


@final
class _WithKindsAlone(GenerateJsonSchema):
    """Where a kind chooses among settings, the kind alone is right too, if nothing else has to be given."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """The alternatives, and the kinds that may stand alone."""
        union = super().tagged_union_schema(schema)
        if schema["discriminator"] != "kind":
            return union
        alone = [str(kind) for kind, choice in schema["choices"].items() if not self._requires_settings(choice)]
        return {"anyOf": [{"enum": alone}, union]} if alone else union

    def _requires_settings(self, choice: core_schema.CoreSchema) -> bool:
        reference = self.generate_inner(choice).get("$ref", "")
        definition = self.get_schema_from_definitions(reference)
        return definition is not None and bool(definition.get("required"))

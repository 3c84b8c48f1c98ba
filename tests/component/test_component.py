"""The registry, and settings that hold any component of a family."""

from __future__ import annotations

from typing import Annotated, Literal, final

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from streammtl.component import Component, OneOf, Settings, members
from streammtl.errors import ConfigError
from streammtl.types import Floats
from streammtl.weighting.base import ActiveSignals, Weighting
from streammtl.weighting.dwa import Dwa


class Holder(Settings):
    weighting: Annotated[Weighting.Config, OneOf("weighting")]
    other: Annotated[Weighting.Config, OneOf("weighting")] | None = None


@final
class DeclaredLate(Weighting):
    """A weighting that is declared after `Holder`, as in a notebook."""

    class Config(Weighting.Config):
        """Settings of the late weighting."""

        kind: Literal["declared_late"] = "declared_late"

    def solve(self, signals: ActiveSignals) -> Floats:
        return np.ones(len(signals.tasks_A))


@pytest.mark.parametrize("value", ["dwa", {"kind": "dwa"}, Dwa.Config()])
def test_a_kind_a_mapping_and_settings_are_the_same(value: object) -> None:
    assert Holder.model_validate({"weighting": value}).weighting == Dwa.Config()


@pytest.mark.parametrize("value", ["declared_late", {"kind": "declared_late", "every": 4}, DeclaredLate.Config()])
def test_a_component_declared_later_is_found(value: object) -> None:
    holder = Holder.model_validate({"weighting": value, "other": value})
    assert isinstance(holder.weighting.build(("a",)), DeclaredLate)
    assert holder.model_dump(mode="json")["weighting"]["kind"] == "declared_late"


@pytest.mark.parametrize("value", ["unknown", {"every": 3}, 7, None, {"kind": "dwa", "no_such": 1}])
def test_what_is_no_component_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"weighting": value})


def test_dumped_settings_give_the_settings_again() -> None:
    holder = Holder.model_validate({"weighting": {"kind": "dwa", "every": 5}})
    assert Holder.model_validate(holder.model_dump(mode="json")) == holder


def test_the_schema_of_a_family_names_every_kind() -> None:
    schema = TypeAdapter(Holder).json_schema()
    mapping = schema["properties"]["weighting"]["discriminator"]["mapping"]
    assert set(mapping) >= {"equal", "fixed", "famo", "stch"}


def test_two_components_of_one_kind_are_an_error() -> None:
    with pytest.raises(ConfigError, match="weighting/equal"):

        class Impostor(Weighting):
            class Config(Weighting.Config):
                kind: Literal["equal"] = "equal"


def test_an_unknown_family_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"'weightings'.*weighting"):
        members("weightings")


@pytest.mark.parametrize("family", ["features", "tasks", "weighting", "metrics", "drift", "sources", "sinks"])
def test_every_component_is_documented_down_to_its_settings(family: str) -> None:
    components: dict[str, type[Component]] = dict(members(family))
    for kind, component in components.items():
        assert component.__doc__, kind
        for name, field in component.Config.model_fields.items():
            assert name == "kind" or field.description, f"{family}/{kind}: {name}"

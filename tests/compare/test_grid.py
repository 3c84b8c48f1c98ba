from __future__ import annotations

import pytest

from streammtl.compare.grid import AS_CONFIGURED, Variant, split_values, variants
from streammtl.errors import ConfigError


def test_several_settings_give_all_combinations_the_last_varying_fastest() -> None:
    assert variants(["weighting=equal,famo", "model.optimizer.rate=0.1,1e-3"]) == [
        Variant("weighting=equal, rate=0.1", ("weighting=equal", "model.optimizer.rate=0.1")),
        Variant("weighting=equal, rate=1e-3", ("weighting=equal", "model.optimizer.rate=1e-3")),
        Variant("weighting=famo, rate=0.1", ("weighting=famo", "model.optimizer.rate=0.1")),
        Variant("weighting=famo, rate=1e-3", ("weighting=famo", "model.optimizer.rate=1e-3")),
    ]


def test_variants_of_one_setting_are_called_by_its_values() -> None:
    assert [variant.name for variant in variants(["drift.error=adwin, null"])] == ["adwin", "null"]


def test_keys_that_end_alike_are_named_in_full() -> None:
    (variant,) = variants(["model.rate=1", "weighting.rate=2"])
    assert variant.name == "model.rate=1, weighting.rate=2"


def test_nothing_varied_is_the_configuration_as_it_is() -> None:
    assert variants([]) == [Variant(AS_CONFIGURED)]


def test_commas_in_brackets_and_quotes_separate_nothing() -> None:
    assert split_values("{kind: mlp, hidden: [8, 4]},[1, 2],\"a,b\",'c,d'") == [
        "{kind: mlp, hidden: [8, 4]}",
        "[1, 2]",
        '"a,b"',
        "'c,d'",
    ]


@pytest.mark.parametrize(
    ("varied", "expected"),
    [
        (["weighting"], "expected KEY=VALUE,VALUE"),
        (["=equal"], "expected KEY=VALUE,VALUE"),
        (["weighting=equal,"], "expected KEY=VALUE,VALUE"),
        (["weighting=equal,famo,equal"], "names a value twice: equal"),
        (["model=mlp", "model=shared_bottom"], "names a setting twice: model"),
        (["seed=1,2"], "varied by --seeds"),
    ],
)
def test_what_cannot_be_meant_is_refused(varied: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        variants(varied)

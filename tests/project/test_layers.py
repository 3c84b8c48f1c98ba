"""Who may import whom. The tables at the top are the rules; extend them with the tree."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from streammtl.component import FAMILIES
from tests.project.source_tree import Import, Module, imports, is_component, modules

#: From low to high; each name or pattern with everything below it. A module imports its own layer and lower ones only.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "types", "clock", "seeds"),
    (
        "component",
        "blocks",
        "ring",
        "times",
        "state_tree",
        "digest",
        "durable",
        "file_lock",
        "log",
        "kafka",
        "table",
        "compiling",
        "text_rows",
    ),
    ("wire*", "draft", "checkpoint*", "journal*", "limits"),
    (*FAMILIES, "encode", "schema"),
    ("decode", "join", "pending", "plan", "publish", "watermark"),
    ("learner", "evaluate", "watch"),
    ("engine",),
    ("config*", "sample"),
    ("run", "ops", "report", "compare", "interop", "testing"),
)

#: Third-party modules, and standard ones with a price, with the only places that may import them.
CONFINED: dict[str, tuple[str, ...]] = {
    "click": ("streammtl/run/",),
    "confluent_kafka": ("streammtl/kafka/",),
    "kafka": ("streammtl/kafka/",),
    "prometheus_client": ("streammtl/ops/",),
    "vl_convert": ("streammtl/report/",),
    "numba": ("streammtl/models/", "streammtl/compiling.py"),
    "pyarrow": ("streammtl/sources/parquet.py", "streammtl/sinks/parquet.py"),
    "rich": ("streammtl/run/",),
    "river": (
        "streammtl/drift/",
        "streammtl/metrics/",
        "streammtl/peers/",
        "streammtl/testing/",
        "streammtl/interop/",
        "simulators/",
    ),
    "scipy": ("streammtl/report/", "streammtl/compare/"),
    "safetensors": ("streammtl/checkpoint_format.py",),
    "sqlite3": ("streammtl/log/",),
    "time": ("streammtl/clock.py",),
    "vowpalwabbit": ("streammtl/peers/",),
    "torch": ("streammtl/models/", "streammtl/tasks/", "streammtl/testing/"),
    "yaml": ("streammtl/config.py", "streammtl/config_yaml.py", "streammtl/run/", "streammtl/report/configuration.py"),
    # Random numbers come from streammtl.seeds; what is written must be readable without running it.
    **dict.fromkeys(("random", "pickle", "shelve", "marshal", "dill", "cloudpickle", "joblib"), ()),
    # For tests only, or brought along by others.
    **dict.fromkeys(("sklearn", "pandas", "hypothesis", "pytest"), ("streammtl/testing/",)),
}

#: Modules, with all below them, that may name components; so may `streammtl` itself, which gives them to its users.
KNOW_COMPONENTS = ("streammtl.run", "streammtl.interop", "streammtl.testing")

#: Settings whose default is a component: who has the setting, and the component.
DEFAULTS = {("streammtl.watch", "streammtl.drift.adwin")}


def layer_of(name: str) -> int | None:
    """The layer of a module of the core; None for the package itself and for the simulators."""
    package, _, rest = name.partition(".")
    if package != "streammtl" or not rest:
        return None
    top = rest.partition(".")[0]
    found = [index for index, layer in enumerate(LAYERS) if any(fnmatchcase(top, pattern) for pattern in layer)]
    assert found, f"{name} has no layer: add {top!r} to LAYERS in {__file__}"
    return found[0]


def family_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "streammtl" and len(parts) > 2 and parts[1] in FAMILIES else None


def inner_imports() -> Iterator[tuple[Module, Import]]:
    """Every import of one of the project's modules by another."""
    for name, module in modules().items():
        for imported in imports(name):
            if imported.name in modules():
                yield module, imported


def may_name_components(module: Module, imported: Import) -> bool:
    by_purpose = f"{module.name}.".startswith(tuple(f"{name}." for name in KNOW_COMPONENTS))
    return by_purpose or module.name == "streammtl" or (module.name, imported.name) in DEFAULTS


def show(module: Module, imported: Import) -> str:
    return f"{module.place}:{imported.line} imports {imported.name}"


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_module_has_a_layer(name: str) -> None:
    layer_of(name)


def test_lower_layers_never_import_higher_ones() -> None:
    wrong = []
    for module, imported in inner_imports():
        own, other = layer_of(module.name), layer_of(imported.name)
        if own is not None and (other is None or other > own):
            wrong.append(show(module, imported))
    assert not wrong


def test_the_core_never_imports_the_simulators() -> None:
    wrong = [
        show(module, imported)
        for module, imported in inner_imports()
        if module.name.partition(".")[0] == "streammtl" and imported.name.startswith("streammtl_simulators")
    ]
    assert not wrong


def test_simulators_know_only_their_family_and_what_is_below() -> None:
    families = next(index for index, layer in enumerate(LAYERS) if "worlds" in layer)
    wrong = []
    for module, imported in inner_imports():
        layer = layer_of(imported.name)
        if module.name.startswith("streammtl_simulators") and layer is not None and layer > families:
            wrong.append(show(module, imported))
    assert not wrong


def test_families_know_each_other_by_their_base_only() -> None:
    wrong = []
    for module, imported in inner_imports():
        own, other = family_of(module.name), family_of(imported.name)
        if own and other and own != other and not imported.name.endswith(".base"):
            wrong.append(show(module, imported))
    assert not wrong


def test_nobody_imports_a_component() -> None:
    wrong = []
    for module, imported in inner_imports():
        if family_of(imported.name) is None or not is_component(imported.name):
            continue
        # The torch half of a model, say: `_torch_shared_bottom` belongs to `shared_bottom`.
        is_a_part_of_it = module.name.rpartition(".")[2].endswith("_" + imported.name.rpartition(".")[2])
        if not is_a_part_of_it and not may_name_components(module, imported):
            wrong.append(show(module, imported))
    assert not wrong


def test_modules_do_not_import_each_other_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for module, imported in inner_imports():
        if imported.when == "at import" and imported.name != module.name:
            graph.setdefault(module.name, set()).add(imported.name)
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("third_party", sorted(CONFINED))
def test_it_is_imported_in_its_place_only(third_party: str) -> None:
    wrong = []
    for name, module in modules().items():
        for imported in imports(name):
            is_it = imported.name.partition(".")[0] == third_party
            if is_it and not module.place.startswith(CONFINED[third_party] or "nowhere"):
                wrong.append(show(module, imported))
    assert not wrong

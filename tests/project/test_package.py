"""What an installed streammtl offers, and what the files of the project say and do not say."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import streammtl
from tests.project.source_tree import ROOT, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")

# In pieces, so that this file does not contain them either.
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js", "crates" + ".io", "repo.maven" + ".apache")
PLACES = r"(?<![\w.~-])/(root|work|home/\w+|Users/\w+|opt/\w+)/"


def public_names() -> list[str]:
    return list(getattr(streammtl, "__all__", ()))


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(streammtl, name).__doc__ or name == "__version__"


def test_public_names_are_sorted_and_listed_once() -> None:
    assert public_names() == sorted(set(public_names()))


def test_a_private_name_is_not_public() -> None:
    with pytest.raises(AttributeError):
        _ = streammtl.no_such_name


def test_the_command_can_be_imported() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="streammtl")
    assert callable(command.load())


def tracked_files() -> list[Path]:
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if git.returncode:
        pytest.skip("not a git work tree: there is no list of the project's files")
    return [ROOT / name for name in git.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    forbidden = re.compile("|".join([*map(re.escape, HOSTS), PLACES]))
    wrong = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data
        wrong += [f"{path.relative_to(ROOT)}: {match[0]}" for match in forbidden.finditer(text)]
    assert not wrong


def locked_versions() -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE):
        versions.setdefault(name.lower(), set()).add(version)
    return versions


def test_everything_in_the_lock_is_pinned_and_has_a_hash() -> None:
    entries = re.split(r"\n(?=[^\s#])", LOCK)[1:]
    assert entries
    assert [entry.split("\n")[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_the_lock_satisfies_the_project() -> None:
    groups = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    wanted = [Requirement(text) for group in groups for text in group]
    versions = locked_versions()
    wrong = [
        str(requirement)
        for requirement in wanted
        if requirement.name != "streammtl"
        and not any(requirement.specifier.contains(version) for version in versions.get(requirement.name.lower(), ()))
    ]
    assert wrong == [], "run `make lock`"


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built by the installed hatchling: nothing is fetched."""
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling (make setup)")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.iterdir()
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_claims_no_generic_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"streammtl", "streammtl_simulators", f"streammtl-{PROJECT['version']}.dist-info"}


@pytest.mark.slow
def test_the_wheel_holds_every_module_its_types_and_its_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {module.place.removeprefix("simulators/") for module in modules().values()} <= names
    assert "streammtl/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".pyc")]


@pytest.mark.slow
def test_the_wheel_works_where_it_is_unpacked(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import streammtl, streammtl_simulators
print(streammtl.__file__)
print(streammtl_simulators.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(line.startswith(str(tmp_path)) for line in done.stdout.split())


def test_every_module_can_be_imported() -> None:
    for name in modules():
        importlib.import_module(name)

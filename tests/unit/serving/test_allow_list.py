from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from farero.serving import allow_list
from farero.serving.allow_list import Use

NAMES = {"called": {"lib.a": ["f"]}, "made": {"lib.a": ["K"]}, "referred": {"lib.b": ["g"]}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(allow_list, "FOLDER", tmp_path)
    allow_list.installed.cache_clear()
    yield tmp_path
    allow_list.installed.cache_clear()


def _write(folder: Path, version: str, **changed: object) -> None:
    (folder / f"lib-{version}.json").write_text(json.dumps({"library": "lib", "version": version, **NAMES, **changed}))


def _installed(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(allow_list, "version_here", lambda library: version)


def test_a_name_may_be_used_as_models_use_it_and_for_less(folder: Path) -> None:
    _write(folder, "1.0")
    found = allow_list.installed()
    uses = {
        name: [use for use in Use if found.allows(*name, use)] for name in [("lib.a", "f"), ("lib.a", "K"), ("lib.b", "g"), ("lib.b", "h")]
    }
    assert uses == {
        ("lib.a", "f"): [Use.REFERRED, Use.MADE, Use.CALLED], ("lib.a", "K"): [Use.REFERRED, Use.MADE], ("lib.b", "g"): [Use.REFERRED],
        ("lib.b", "h"): [],
    }  # fmt: skip


@pytest.mark.row("U7")
def test_the_list_of_the_installed_version_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(folder, "1.9", referred={"lib.old": ["g"]})
    _write(folder, "1.10", referred={"lib.new": ["g"]})
    _installed(monkeypatch, "1.9")
    found = allow_list.installed()
    assert found.allows("lib.old", "g", Use.REFERRED) and not found.allows("lib.new", "g", Use.REFERRED)
    assert found.notes == ()


@pytest.mark.row("U7")
def test_an_unknown_version_is_compared_with_the_newest_list_and_that_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(folder, "1.9", referred={"lib.old": ["g"]})
    _write(folder, "1.10", referred={"lib.new": ["g"]})
    _installed(monkeypatch, "2.0")
    found = allow_list.installed()
    assert found.allows("lib.new", "g", Use.REFERRED)
    assert found.notes == ("there is no list for lib 2.0: the one for 1.10 was used",)


def test_a_trusted_name_may_be_used_for_anything_and_no_other_with_it(folder: Path) -> None:
    _write(folder, "1.0")
    found = allow_list.installed().trusting(["mine.features.Scaler"])
    assert found.allows("mine.features", "Scaler", Use.CALLED)
    assert not found.allows("mine.features", "Scaler.fit", Use.REFERRED)
    assert not found.allows("mine", "features.Scaler", Use.REFERRED)
    assert not allow_list.installed().allows("mine.features", "Scaler", Use.REFERRED)


@pytest.mark.row("U7")
def test_the_lists_hold_no_name_that_runs_what_the_file_brings() -> None:
    uses = allow_list.installed().uses
    for module, name in uses:
        assert "." not in name, (module, name)
        assert module.partition(".")[0] not in {
            "os",
            "posix",
            "sys",
            "subprocess",
            "importlib",
            "runpy",
            "cloudpickle",
            "operator",
            "types",
            "ctypes",
            "_pickle",
        }
        assert not module.startswith("scipy.stats")
    assert not {"eval", "exec", "getattr", "setattr", "__import__", "open", "compile", "type", "vars", "globals"} & {
        n for m, n in uses if m == "builtins"
    }
    assert ("numpy._core", "_ufunc_reconstruct") not in uses


def test_every_listed_name_exists_where_its_library_has_the_lists_version() -> None:
    import importlib

    for path in sorted(allow_list.FOLDER.glob("*.json")):
        listed = json.loads(path.read_text())
        if allow_list.version_here(listed["library"]) != listed["version"]:
            continue
        for use in ("called", "made", "referred"):
            for module, names in listed[use].items():
                assert [name for name in names if not hasattr(importlib.import_module(module), name)] == []

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from farero.errors import ConfigInvalid
from farero.project.settings import ChannelSettings, PrivacySettings, Secret, StateSettings, TrackingSettings


def test_state_lies_beside_farero_toml_unless_a_url_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE", "postgresql+psycopg://h/db")
    assert StateSettings().resolved(tmp_path) == f"sqlite:///{tmp_path}/.farero/state.db"
    assert StateSettings(url="sqlite:///own.db").resolved(tmp_path) == f"sqlite:///{tmp_path}/own.db"
    assert StateSettings(url="sqlite:////abs/own.db").resolved(tmp_path) == "sqlite:////abs/own.db"
    assert StateSettings(url=Secret(env="STATE")).resolved(tmp_path) == "postgresql+psycopg://h/db"


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "https://example.org/x")
    (tmp_path / "hook").write_text("https://example.org/y\n")
    assert Secret(env="HOOK").read(tmp_path) == "https://example.org/x"
    assert Secret(file="hook").read(tmp_path) == "https://example.org/y"
    assert ChannelSettings(name="a", kind="webhook", url=Secret(file="hook")).resolved_url(tmp_path) == "https://example.org/y"
    with pytest.raises(ConfigInvalid, match="NOT_THERE is not set"):
        Secret(env="NOT_THERE").read(tmp_path)
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        Secret(file="not-there").read(tmp_path)


@pytest.mark.row("L4")
def test_a_key_for_hashes_is_made_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    key = PrivacySettings().key(tmp_path)
    path = tmp_path / ".farero" / "secret"
    assert len(key) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert PrivacySettings().key(tmp_path) == key
    assert [found.name for found in path.parent.iterdir()] == ["secret"]


def test_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(PrivacySettings().key(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1


@pytest.mark.row("R9")
def test_a_tracker_lies_beside_farero_toml_unless_an_address_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrackingSettings().resolved(tmp_path) == ""
    assert TrackingSettings(uri="sqlite:///mlflow.db").resolved(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert TrackingSettings(uri="http://127.0.0.1:5000").resolved(tmp_path) == "http://127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_AT", "postgresql://u:p@host/db")
    assert TrackingSettings(uri=Secret(env="MLFLOW_AT")).resolved(tmp_path) == "postgresql://u:p@host/db"
    assert TrackingSettings().files(tmp_path) == (tmp_path / ".farero" / "mlflow").as_uri()
    assert TrackingSettings(artifacts="kept").files(tmp_path) == (tmp_path / "kept").as_uri()
    assert TrackingSettings(artifacts="s3://bucket/x").files(tmp_path) == "s3://bucket/x"
    with pytest.raises(ConfigInvalid, match="names no database and no server"):
        TrackingSettings(uri="mlflow.db").resolved(tmp_path)

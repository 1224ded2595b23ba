from __future__ import annotations

from pathlib import Path

import pytest

from farero.project.secret_values import secret_values
from farero.project.settings import ChannelSettings, PrivacySettings, Secret, Settings, StateSettings


@pytest.mark.row("R5")
def test_what_farero_toml_names_as_a_secret_is_one_wherever_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB", "postgresql://ana:hunter22@host/db")
    (tmp_path / "hook").write_text("https://hooks.example/T0/B1\n")
    settings = Settings(
        references=("project.py:project",),
        state=StateSettings(url=Secret(env="DB")),
        channels=(ChannelSettings(name="hook", kind="webhook", url=Secret(file="hook")), ChannelSettings(name="console")),
        privacy=PrivacySettings(hash_key=Secret(env="NOT_SET_ANYWHERE")),
    )
    assert secret_values(settings, tmp_path, {}) == ("postgresql://ana:hunter22@host/db", "https://hooks.example/T0/B1")


@pytest.mark.row("R5")
def test_variables_that_sound_secret_and_the_key_that_was_made_are_secrets_too(tmp_path: Path) -> None:
    (tmp_path / ".farero").mkdir()
    (tmp_path / ".farero" / "secret").write_text("a1b2c3d4")
    environment = {"AWS_SECRET_ACCESS_KEY": "abcdefgh", "GITHUB_TOKEN": "no", "PATH": "/usr/bin", "PGPASSWORD": "hunter22"}
    assert secret_values(Settings(references=("p.py:p",)), tmp_path, environment) == ("a1b2c3d4", "abcdefgh", "hunter22")

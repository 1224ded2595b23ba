from __future__ import annotations

import pytest

from farero.project import config
from farero.project.config import parse, references
from farero.project.settings import ChannelSettings, Secret, Settings

LINE = 'project = "project.py:project"\n'


def _faults(text: str) -> list[tuple[str, str]]:
    settings, faults = parse(text)
    assert settings is None
    return [(fault.path.removeprefix("farero.toml:"), fault.code) for fault in faults]


def test_one_line_is_enough() -> None:
    settings, faults = parse(LINE)
    assert faults == []
    assert settings == Settings(references=("project.py:project",))
    assert (settings.server.port, settings.server.max_body_bytes, settings.log.handover_s, settings.train.timeout_s) == (
        8002,
        5 << 20,
        2.0,
        3600.0,
    )


def test_every_setting_can_be_set() -> None:
    text = """
        projects = ["churn.py:project", "risk.py:project"]
        [server]
        host = "0.0.0.0"
        port = 0
        max_body_bytes = 2048
        max_rows = 5
        [state]
        url = "postgresql+psycopg://h/db"
        [log]
        handover_s = 1
        [train]
        timeout_s = 60
        memory_mb = 512
        [worker]
        tick_s = 0.5
        [[channels]]
        name = "log"
        [[channels]]
        name = "hook"
        kind = "webhook"
        url = { env = "HOOK" }
        min_severity = "high"
        [privacy]
        hash_key = { file = "key" }
    """
    settings, faults = parse(text)
    assert faults == []
    assert settings is not None
    assert settings.references == ("churn.py:project", "risk.py:project")
    assert settings.log.handover_s == 1.0
    assert settings.channels[1] == ChannelSettings(name="hook", kind="webhook", url=Secret(env="HOOK"), min_severity="high")
    assert settings.privacy.hash_key == Secret(file="key")


def test_all_faults_are_shown_at_once_each_with_its_line() -> None:
    text = (
        LINE
        + """
prot = 3
[server]
prot = 1
port = "x"
max_rows = 0
[state]
url = "postgresql://a:b@h/x"
[privacy]
hash_key = "in clear"
[[channels]]
name = "a"
kind = "webhok"
[[channels]]
kind = "webhook"
[worker]
tick_s = true
[logs]
"""
    )
    assert _faults(text) == [
        ("3 prot", "unknown-key"),
        ("5 server.prot", "unknown-key"),
        ("6 server.port", "wrong-type"),
        ("7 server.max_rows", "out-of-range"),
        ("9 state.url", "secret-in-clear"),
        ("11 privacy.hash_key", "secret-in-clear"),
        ("14 channels[0].kind", "not-one-of"),
        ("15 channels[1].name", "missing"),
        ("18 worker.tick_s", "wrong-type"),
        ("19 logs", "unknown-key"),
    ]


def test_an_unknown_key_is_refused_with_the_nearest_name() -> None:
    _, faults = parse(LINE + "[server]\nprot = 1\n")
    assert str(faults[0]) == "farero.toml:3 server.prot: there is no such key; did you mean port?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("project = 3", "wrong-type"),
        ('project = ["a.py:b"]', "wrong-type"),
        ('projects = "a.py:b"', "wrong-type"),
        ("projects = []", "missing"),
        ('project = "project"', "bad-reference"),
        ('project = "project.py:1a"', "bad-reference"),
        ('projects = ["a.py:b", "a.py:b"]', "twice"),
        ('project = "a.py:b"\nprojects = ["a.py:b"]', "twice"),
        (LINE + "server = 3", "wrong-type"),
        (LINE + "channels = 3", "wrong-type"),
        (LINE + '[[channels]]\nname = "a"\n[[channels]]\nname = "a"', "twice"),
        (LINE + '[[channels]]\nname = "a"\nkind = "webhook"', "missing"),
        (LINE + "[state]\nurl = { envv = 'X' }", "bad-secret"),
        (LINE + "[state]\nurl = 3", "wrong-type"),
        (LINE + "[server]\nport = 70000", "out-of-range"),
        (LINE + "[server]\nport = 80.5", "wrong-type"),
        (LINE + "[train]\ntimeout_s = nan", "out-of-range"),
    ],
)
def test_a_fault_has_a_code(text: str, code: str) -> None:
    assert code in [found for _, found in _faults(text)]


def test_what_is_no_toml_is_said_with_its_line() -> None:
    assert _faults(LINE + "[server\n") == [("2", "not-toml")]


def test_projects_are_found_although_other_settings_are_at_fault() -> None:
    assert references(LINE + "[server]\nport = 'x'\n") == ("project.py:project",)
    assert references("not toml") == ()
    assert references('projects = ["a.py:b", 3, "c"]') == ("a.py:b",)


def test_every_key_has_a_description() -> None:
    for table, kind in config._TABLES.items():
        for setting in config.fields(kind):
            assert setting.metadata["doc"], f"{table}.{setting.name}"
    assert "server.port" in config.KEYS

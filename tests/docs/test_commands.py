"""What the README and the tutorial tell people to type works, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
README = (ROOT / "README.md").read_text()
PORT = "8002"
READY_WITHIN_S = 60.0


@dataclass(frozen=True)
class Block:
    """A fenced block, and the file that the line before it names, if it does."""

    language: str
    text: str
    file: str | None

    @property
    def commands(self) -> list[str]:
        lines = [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
        return [line.split("  #")[0].strip() for line in lines]


@dataclass
class Terminal:
    """An empty folder where commands are run as a reader would; a server that they start stays up until the end."""

    folder: Path
    port: str
    home: Path
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, command: str) -> str:
        command = command.replace(f":{PORT}", f":{self.port}")  # the reader's port may be taken here
        if command.startswith("farero up"):
            self._start(f"{command} --port {self.port}")
            return ""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"$ {command}\nexit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def _start(self, command: str) -> None:
        with (self.folder / "server.txt").open("wb") as output:
            server = subprocess.Popen(command.split(), cwd=self.folder, env=self._environment(), stdout=output, stderr=output)
        self.servers.append(server)
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            try:
                server.wait(timeout=0.2)
                pytest.fail(f"the server ended by itself:\n{(self.folder / 'server.txt').read_text()}")
            except subprocess.TimeoutExpired:
                pass  # it runs
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # not up yet
        pytest.fail(f"no answer within {READY_WITHIN_S:g} s:\n{(self.folder / 'server.txt').read_text()}")

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARERO", "PYTEST", "VIRTUAL_ENV", "MAKE"))}
        return {**kept, "PATH": path, "HOME": str(self.home), "COLUMNS": "140"}

    def close(self) -> list[int]:
        for server in self.servers:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
        return [server.wait(timeout=30) for server in self.servers]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    terminal = Terminal(folder=folder, port=port, home=home)
    yield terminal
    terminal.close()


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks in order. A line such as "`project.py`:" before a block names the file that the block is."""
    found = re.finditer(r"(?:^`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```$", markdown, flags=re.DOTALL | re.MULTILINE)
    return [Block(language=match[2], text=match[3], file=match[1]) for match in found]


def test_the_tutorial_works_from_its_first_line_to_its_last(terminal: Terminal) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing; the tutorial sends requests with it")
    said: dict[str, str] = {}
    for block in blocks(TUTORIAL):
        if block.file is not None:
            (terminal.folder / block.file).write_text(block.text)
        for command in block.commands:
            said[command] = terminal.run(command)
    wrong = next(text for command, text in said.items() if '"horse"' in command)
    assert all(f"rows[0].{name}" in wrong for name in ("distance_km", "items", "vehicle", "rain")), wrong
    assert "1.0.0" in said["farero versions"]
    assert terminal.close() == [0], (terminal.folder / "server.txt").read_text()


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README + (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_readme_shows_its_two_commands_above_line_30() -> None:
    top = README.splitlines()[:29]
    assert any("make demo" in line for line in top)
    assert any("make test" in line for line in top)


def test_the_readme_s_commands_are_those_that_the_tutorial_runs() -> None:
    verbs = {
        command.split()[1] for block in blocks(README) for part in block.commands for command in part.split("&&") if "farero" in command
    }
    tutored = {command.split()[1] for block in blocks(TUTORIAL) for command in block.commands if command.startswith("farero")}
    assert verbs <= tutored


def test_the_readme_holds_no_placeholder() -> None:
    assert "DEMO OUTPUT" not in README
    assert (ROOT / "docs" / "images" / "console.png").exists()

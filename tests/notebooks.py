"""A real JupyterLab for tests of notebooks: a server, and notebooks that have been run.

Where JupyterLab is missing the tests are skipped and say so; with GRADPATH_JUPYTER=required in the
environment they fail instead.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def require_jupyter() -> None:
    """Skip the test where JupyterLab is missing, or fail where it is required."""
    for package in ("jupyterlab", "nbconvert", "ipykernel"):
        if not find_spec(package):
            what = f"{package} is missing: pip install jupyterlab nbconvert"
            if os.environ.get("GRADPATH_JUPYTER") == "required":
                pytest.fail(what)
            pytest.skip(what)


class Lab:
    """A server in a folder of its own.

    Attributes:
        folder: where the notebooks are.
        address: the server's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        homes = {
            "JUPYTER_DATA_DIR": "data", "JUPYTER_CONFIG_DIR": "config", "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTER_RUNTIME_DIR": "runtime",
        }  # fmt: skip
        self.environment = {
            **os.environ,
            **{name: str(folder / home) for name, home in homes.items()},
            "PYTHONPATH": str(ROOT),
        }
        self.set("notebook-extension/tracker", {"windowingMode": "none"})
        self.set("apputils-extension/notification", {"fetchNews": "false"})
        self.address = ""

    def set(self, name: str, settings: dict[str, Any]) -> None:
        """Change settings, for pages that are opened from now on."""
        path = self.folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")

    def jupyter(self, *command: str) -> None:
        """Run one of Jupyter's commands."""
        run = subprocess.run(
            [sys.executable, "-m", "jupyter", *command],
            env=self.environment, cwd=self.notebooks, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert not run.returncode, run.stderr

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """Write a notebook and run it."""
        path = self.notebooks / name
        about = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": about},
            "cells": [
                {"id": f"c{i}", "cell_type": "code", "source": cell, "metadata": {}, "outputs": [],
                 "execution_count": None}
                for i, cell in enumerate(cells)
            ],
        }  # fmt: skip
        path.write_text(json.dumps(content), encoding="utf-8")
        self.jupyter("nbconvert", "--to", "notebook", "--execute", "--inplace", name)
        return path

    @contextmanager
    def running(self) -> Iterator[Lab]:
        """The server, until the end of the block."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root",
            f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
            f"--ServerApp.root_dir={self.notebooks}",
        ]  # fmt: skip
        with (self.folder / "log").open("w") as log:
            server = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            try:
                self.address = f"http://127.0.0.1:{port}"
                self.wait(server)
                yield self
            finally:
                server.terminate()
                server.wait(30)

    def wait(self, server: subprocess.Popen[bytes]) -> None:
        """Return once the server answers."""
        end = time.monotonic() + 60
        while time.monotonic() < end and server.poll() is None:
            try:
                urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"JupyterLab does not answer: {(self.folder / 'log').read_text()[-2000:]}")

    def open(self, page: Any, name: str, theme: str) -> None:
        """Open a notebook in a theme, and wait until its cells show their outputs."""
        self.set("apputils-extension/themes", {"theme": THEMES[theme]})
        page.goto(f"{self.address}/lab/tree/{name}?reset")
        page.wait_for_selector(".gradpath", state="attached", timeout=60_000)
        page.wait_for_function(
            f"document.body.dataset.jpThemeLight === '{str(theme == 'light').lower()}'"
        )
        page.wait_for_function(  # the images are there
            "[...document.querySelectorAll('.gradpath img')].every(image => image.complete)"
        )

"""Azure's Blob Storage for tests: Azurite, Microsoft's emulator, where it is installed (`npm install azurite`)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.client import HTTPConnection
from pathlib import Path

import pytest

CONTAINER = "releases"
_ACCOUNT = "devstoreaccount1"
# The one that every Azurite has.
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_VERSION = "2021-08-06"
_PATIENCE = 60


@contextmanager
def azurite(folder: Path) -> Iterator[dict[str, str]]:
    """Run Azurite with an empty container until the block ends; yield the variables that say how to reach it."""
    program = os.environ.get("AZURITE") or shutil.which("azurite-blob")
    if not program:
        pytest.skip("Azurite is not installed: npm install azurite, and its azurite-blob in the path or in AZURITE")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # It tells its makers of each start, and asks them for settings, unless told not to.
    options = ["--disableTelemetry", "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"]
    place = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    process = subprocess.Popen([program, *options, *place], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        _make_container(port, process)
        endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"
        keys = {"AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": _KEY}
        yield {**keys, "AZURE_STORAGE_ENDPOINT": endpoint}
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _make_container(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        try:
            connection.request("PUT", f"/{_ACCOUNT}/{CONTAINER}?restype=container", headers=_signed())
            assert connection.getresponse().status == 201
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    pytest.fail("Azurite did not start")


def _signed() -> dict[str, str]:
    date = formatdate(usegmt=True)
    fields = f"x-ms-date:{date}\nx-ms-version:{_VERSION}\n"
    text = "PUT" + "\n" * 12 + fields + f"/{_ACCOUNT}/{_ACCOUNT}/{CONTAINER}\nrestype:container"
    signature = hmac.new(base64.b64decode(_KEY), text.encode(), hashlib.sha256).digest()
    return {
        "x-ms-date": date,
        "x-ms-version": _VERSION,
        "Authorization": f"SharedKey {_ACCOUNT}:{base64.b64encode(signature).decode()}",
        "Content-Length": "0",
    }

"""`cdnserve add`: the modules it goes through, what it prints at the end, and what it offers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import cdnserve
from tests.cli.conftest import Run
from tests.npm.registry import LocalRegistry, packed, serving

PACKAGE = f"{Path(cdnserve.__file__).parent}/"
# A newcomer who follows `add` by hand gives up beyond that.
MOST_MODULES_OF_ADD = 30
OPTIMIZED = 1  # the flag of a function's code, which bodies of modules and classes don't have


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """A registry with a library as most are: a script, smaller and larger."""
    with serving() as running:
        described = json.dumps({"name": "hello", "main": "hello.js"})
        running.publish("hello", "1.0.0", packed({"package.json": described, "hello.js": "let hello = 1;\n"}))
        yield running


@pytest.fixture
def listed(root: Path) -> Path:
    """The root with a manifest as small as they come: one rule, for libraries."""
    rule = '[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'
    (root / "manifest.toml").write_text(f"schema = 1\n\n{rule}")
    return root


@contextmanager
def modules_that_run() -> Iterator[set[str]]:
    """Yield the modules of the package of which a function has run, in any thread that began meanwhile."""
    found: set[str] = set()

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & OPTIMIZED and code.co_filename.startswith(PACKAGE):
            found.add(code.co_filename.removeprefix(PACKAGE))

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_the_way_of_add_goes_through_few_modules(run: Run, listed: Path, registry: LocalRegistry) -> None:
    with modules_that_run() as modules:
        assert 0 == run("add", "hello", "--registry", registry.url).exit_code
    assert {"cli/add.py", "npm/add.py", "npm/signatures.py", "npm/unpack.py", "manifest/editor.py"} <= modules
    assert MOST_MODULES_OF_ADD >= len(modules), sorted(modules)

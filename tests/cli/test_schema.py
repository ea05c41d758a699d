"""`cdnserve schema`."""

from __future__ import annotations

import json

from cdnserve.manifest.schema import manifest_schema
from tests.cli.conftest import Run


def test_the_schema_is_json(run: Run) -> None:
    result = run("schema")
    assert (0, "") == (result.exit_code, result.stderr)
    assert manifest_schema() == json.loads(result.stdout)

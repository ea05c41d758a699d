"""What `python -m bench.store` measures at length works: each program does all of its task. No time is judged here."""

from __future__ import annotations

from pathlib import Path

from bench.store import measure_start, measure_upload
from tests.fake_s3 import FakeS3


def test_uploads_are_measured(fake: FakeS3, tmp_path: Path) -> None:
    found = measure_upload(tmp_path, f"{fake.url}/upload", files=5, runs=1)
    assert found.value > 0
    # By both programs, and before as well, to warm up: five files each.
    assert len([key for method, key in fake.asked if method == "PUT" and "/blobs/" in key]) == 4 * 5


def test_starts_are_measured(fake: FakeS3, tmp_path: Path) -> None:
    found = measure_start(tmp_path, f"{fake.url}/start", files=5, runs=1)
    assert found.value > 0
    # A replica's is a pointer and a catalog, however many files there are.
    assert {key.rpartition("prefix/start/")[2] for method, key in fake.asked if method == "GET"} == {
        "current",
        "releases/1.cat",
    }

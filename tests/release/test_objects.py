"""Objects: the same from every store, and whatever a store answers is a problem with an id, never a traceback."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from cdnserve.release.objects import Objects, ObjectStoreError, Timeouts
from tests.fake_s3 import FakeS3, answer, head

BRIEF = Timeouts(connect=2.0, read=0.5, whole=5.0, retries=0)


STORES = ["folder", "fake", "google", "swift", "azure"]


@pytest.fixture(params=STORES)
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects(place(request, request.param, tmp_path))


def place(request: pytest.FixtureRequest, store: str, folder: Path) -> str:
    """Return the URL of an empty place in a store."""
    if store == "folder":
        return f"file://{folder}"
    found: str | FakeS3 = request.getfixturevalue("bucket" if store == "swift" else store)
    if isinstance(found, str):
        return found
    return found.url.replace("s3:", "gs:") if store == "google" else found.url


def told(action: Callable[[], object]) -> str:
    """Return the id of the problem that an action ends with."""
    with pytest.raises(ObjectStoreError) as caught:
        action()
    (problem,) = caught.value.problems
    return problem.reference


def test_what_is_created_is_read_and_never_created_again(objects: Objects) -> None:
    assert objects.get("a/one", 100) is None
    assert objects.create("a/one", b"first")
    assert not objects.create("a/one", b"second")
    found = objects.get("a/one", 100)
    assert found
    assert found.octets == b"first"
    assert objects.get("a/one", 100, found) is found
    assert b"".join(objects.stream("a/one", 5)) == b"first"


def test_what_is_replaced_is_another_object(objects: Objects) -> None:
    objects.replace("current", b"1\n")
    before = objects.get("current", 100)
    assert before
    assert objects.exchange("current", b"20\n", before)
    after = objects.get("current", 100, before)
    assert after
    assert after.octets == b"20\n"
    # Once more: there is something to be exchanged that was exchanged.
    assert objects.exchange("current", b"300\n", after)
    last = objects.get("current", 100, after)
    assert last
    assert last.octets == b"300\n"


@pytest.mark.parametrize("store", ["google", "azure", "fake"])
def test_only_what_is_known_is_exchanged(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    objects = Objects(place(request, store, tmp_path))
    objects.replace("current", b"1\n")
    before = objects.get("current", 100)
    objects.replace("current", b"2\n")
    assert before
    assert not objects.exchange("current", b"3\n", before)
    now = objects.get("current", 100)
    assert now
    assert now.octets == b"2\n"


def test_the_listing_of_a_folder_is_of_that_folder_alone(objects: Objects) -> None:
    for name in ("blobs/aa/1", "blobs/ab/22", "blobsy", "releases/1.cat"):
        objects.create(name, name.encode())
    assert sorted((entry.name, entry.size) for entry in objects.list("blobs")) == [("aa/1", 10), ("ab/22", 11)]
    assert list(objects.list("nothing")) == []


def test_what_is_deleted_is_gone_and_may_have_been_gone(objects: Objects) -> None:
    for name in ("a", "b", "c"):
        objects.create(name, b"1")
    objects.delete(["a", "gone", "b"])
    assert [objects.get(name, 10) is None for name in ("a", "b", "c")] == [True, True, False]


@pytest.mark.parametrize("store", ["folder", "swift", "azure"])
def test_a_large_file_is_written_in_parts(tmp_path: Path, request: pytest.FixtureRequest, store: str) -> None:
    large = os.urandom(1 << 20) * 33
    (tmp_path / "large").write_bytes(large)
    objects = Objects(place(request, store, tmp_path))
    objects.replace_file("large", tmp_path / "large")
    assert b"".join(objects.stream("large", len(large))) == large


def test_a_condition_that_does_not_hold_writes_nothing(fake: FakeS3) -> None:
    objects = Objects(fake.url)
    objects.replace("current", b"1\n")
    before = objects.get("current", 10)
    assert before
    objects.replace("current", b"2\n")
    assert not objects.exchange("current", b"3\n", before)
    assert fake.objects["prefix/current"][0] == b"2\n"


def test_a_store_without_that_condition_is_written_all_the_same(fake: FakeS3) -> None:
    fake.conditions = False
    objects = Objects(fake.url, BRIEF)
    objects.replace("current", b"1\n")
    before = objects.get("current", 10)
    assert before
    assert objects.exchange("current", b"2\n", before)
    assert fake.objects["prefix/current"][0] == b"2\n"


def refused(status: int, code: str) -> bytes:
    return head(status, f"<Error><Code>{code}</Code><Message>\x1b[31mhostile</Message></Error>".encode())


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        pytest.param(refused(401, "InvalidToken"), "store-denied", id="401"),
        pytest.param(refused(403, "SignatureDoesNotMatch"), "store-denied", id="403"),
        pytest.param(refused(404, "NoSuchBucket"), "store-missing", id="no bucket"),
        pytest.param(refused(500, "InternalError"), "store-failed", id="500"),
        pytest.param(refused(503, "SlowDown"), "store-failed", id="503"),
        pytest.param(refused(400, "ExpiredToken"), "store-failed", id="400"),
        pytest.param(refused(302, "Moved"), "store-unreachable", id="a redirect that leads nowhere"),
        pytest.param(answer(b"x" * 101), "store-too-large", id="larger than it may be"),
        pytest.param(answer(b"x" * 50, length=90), "store-unreachable", id="cut off"),
        pytest.param(b"", "store-unreachable", id="nothing at all"),
        pytest.param(b"\x00\xff garbage", "store-unreachable", id="no HTTP"),
    ],
)
def test_whatever_a_read_meets_is_told(fake: FakeS3, lie: bytes, expected: str) -> None:
    fake.lie = lambda method, key: lie
    objects = Objects(fake.url, BRIEF)
    with pytest.raises(ObjectStoreError) as caught:
        objects.get("current", 100)
    (problem,) = caught.value.problems
    assert problem.reference == expected
    assert problem.where.startswith("s3://bucket/prefix")
    assert "hostile" not in str(problem)
    assert caught.value.passing == (expected == "store-unreachable" or lie.startswith(b"HTTP/1.1 5"))


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(lambda objects: objects.create("x", b"1"), id="create"),
        pytest.param(lambda objects: objects.replace("x", b"1"), id="replace"),
        pytest.param(lambda objects: list(objects.list("x")), id="list"),
        pytest.param(lambda objects: objects.delete(["x"]), id="delete"),
        pytest.param(lambda objects: list(objects.stream("x", 5)), id="stream"),
    ],
)
def test_every_action_tells_who_may_not(fake: FakeS3, action: Callable[[Objects], object]) -> None:
    fake.lie = lambda method, key: refused(403, "AccessDenied")
    objects = Objects(fake.url, BRIEF)
    assert told(lambda: action(objects)) == "store-denied"


@pytest.mark.parametrize("octets", [b"abc", b"abcdefgh"], ids=["shorter", "longer"])
def test_an_object_of_another_length_is_not_taken(fake: FakeS3, octets: bytes) -> None:
    objects = Objects(fake.url, BRIEF)
    objects.create("x", octets)
    assert told(lambda: list(objects.stream("x", 5))) == "store-truncated"


def test_a_store_that_does_not_answer_is_left(fake: FakeS3) -> None:
    waiting = Event()
    fake.lie = lambda method, key: str(waiting.wait(10)).encode()
    try:
        assert told(lambda: Objects(fake.url, BRIEF).get("current", 10)) == "store-unreachable"
    finally:
        waiting.set()


def test_a_store_that_sends_an_octet_now_and_then_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comes in time, all of them together do not."""
    left = Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(answer(b"", length=100))
            while not left.wait(0.1):
                connection.sendall(b"1")

    with socket.create_server(("127.0.0.1", 0)) as server:
        for name, value in FakeS3(port=server.getsockname()[1]).environment.items():
            monkeypatch.setenv(name, value)
        dripping = Thread(target=lambda: drip(server.accept()[0]))
        dripping.start()
        objects = Objects("s3://bucket/prefix", Timeouts(connect=2.0, read=60.0, whole=1.0, retries=0))
        try:
            assert told(lambda: objects.get("current", 200)) == "store-unreachable"
        finally:
            left.set()
            dripping.join()


def test_a_listing_that_repeats_itself_ends(fake: FakeS3) -> None:
    row = (
        "<Contents><Key>prefix/a/1</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
    )
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
    page = f"<ListBucketResult>{row}{more}</ListBucketResult>".encode()
    fake.lie = lambda method, key: head(200, page) if method == "LIST" else None
    assert told(lambda: list(Objects(fake.url, BRIEF).list("a"))) == "store-listing"


def test_a_listing_that_does_not_end_is_left(fake: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdnserve.release.objects.MOST_LISTED", 2)
    objects = Objects(fake.url, BRIEF)
    for name in "abc":
        objects.create(f"a/{name}", b"1")
    assert told(lambda: list(objects.list("a"))) == "store-listing"


@pytest.mark.parametrize(
    "url",
    [
        *("", "s3", "s3://", "http://host/x", "s3://key:secret@bucket", "s3://b/../c", "s3://b//c", "s3://b/c?x=1"),
        *("file://x", "s3://b/a b", "s3://b/\x1b[m", "file:///a/../b", "gs://", "memory:///"),
    ],
)
def test_what_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ObjectStoreError) as caught:
        Objects(url)
    assert caught.value.problems[0].reference == "store-url"
    assert not re.search("secret|\x1b", str(caught.value))


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://minio:9000", "store-plain-http"),
        ("HTTP://10.0.0.1", "store-plain-http"),
        ("http://127.0.0.1.evil.example", "store-plain-http"),
        ("http://[::1]:1", "store-unreachable"),
        ("http://localhost:1", "store-unreachable"),
        ("https://127.0.0.1:1", "store-unreachable"),
    ],
)
def test_plain_http_is_for_loopback(monkeypatch: pytest.MonkeyPatch, endpoint: str, expected: str) -> None:
    for name, value in FakeS3().environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert told(lambda: Objects("s3://bucket/prefix", BRIEF).get("x", 1)) == expected


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        pytest.param("gs://bucket", {"GOOGLE_BASE_URL": "http://10.0.0.1"}, "store-plain-http", id="Google"),
        pytest.param("az://container", {"AZURE_STORAGE_ENDPOINT": "http://10.0.0.1"}, "store-plain-http", id="Azure"),
        pytest.param("az://container", {"AZURE_ENDPOINT": "http://10.0.0.1"}, "store-plain-http", id="Azure's other"),
        pytest.param("gs://bucket", {"GOOGLE_SERVICE_ACCOUNT": "/no/such"}, "store-settings", id="no such keys"),
        pytest.param("az://container", {}, "store-settings", id="no account"),
    ],
)
def test_settings_of_other_stores_are_judged_as_well(
    monkeypatch: pytest.MonkeyPatch, url: str, variables: dict[str, str], expected: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert told(lambda: Objects(url, BRIEF)) == expected


def test_plain_http_elsewhere_is_a_choice(fake: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://0.0.0.0:{fake.port}")
    assert Objects(fake.url, BRIEF).create("x", b"1")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert told(lambda: Objects(f"file://{tmp_path}/typo")) == "store-missing"


def test_without_the_extra_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setattr("cdnserve.release.objects.find_spec", lambda name: None)
    assert told(lambda: Objects("s3://bucket")) == "store-not-installed"


def test_a_profile_without_boto3_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert told(lambda: Objects("s3://bucket")) == "store-not-installed"

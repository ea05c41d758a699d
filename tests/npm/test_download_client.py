"""Downloads from registries that answer badly, slowly, or somewhere else."""

from __future__ import annotations

import dataclasses
import io
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.download import Buffer, Download, Measured, Received, RegistryClient, Silent, StoppedError
from cdnserve.npm.registry import Registry, http_client, parse_address
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from tests.npm.registry import QUICK, Answer, LocalRegistry, settings_for


class Heard(Silent):
    """Writes down what progress says."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def begin(self, library: str, size: int | None) -> None:
        self.said.append((library, size))

    def advance(self, library: str, octets: int) -> None:
        self.said.append((library, octets))

    def retry(self, library: str, why: str, pause: float) -> None:
        self.said.append((library, pause))


@contextmanager
def _client(settings: NpmSettings) -> Iterator[RegistryClient]:
    connections = http_client(settings, {})
    try:
        yield RegistryClient(connections, settings)
    finally:
        connections.close()


def _wanted(url: str, *, limit: int = 1000, registry: str = "", token: str = "") -> Download:
    address = parse_address(url)
    home = parse_address(registry or url).join("/")
    configuration = {f"//{home.authority}/:_authToken": token} if token else {}
    return Download("the file", address, Registry(home, configuration), limit, label="x@1.0.0")


def _fetch(tmp_path: Path, wanted: Download, limits: DownloadLimits = QUICK) -> tuple[Received, bytes]:
    sink = Buffer()
    with _client(settings_for(tmp_path, limits=limits)) as client:
        return client.fetch(wanted, sink), sink.data


def _refused(tmp_path: Path, wanted: Download, limits: DownloadLimits = QUICK) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as raised:
        _fetch(tmp_path, wanted, limits)
    (problem,) = raised.value.problems
    return problem.reference, problem.message


def test_a_body_arrives(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(body=b"data", fields={"Content-Encoding": " GZIP "}))
    assert (Received(200, "gzip"), b"data") == _fetch(tmp_path, _wanted(url))
    (asked,) = registry.asked
    assert "identity" == asked.fields["accept-encoding"]
    assert asked.authorization is None
    assert "cookie" not in asked.fields


@pytest.mark.parametrize(
    "status", [pytest.param(400, id="bad"), pytest.param(401, id="no token"), pytest.param(404, id="absent")]
)
def test_a_refusal_is_an_answer(tmp_path: Path, registry: LocalRegistry, status: int) -> None:
    url = registry.answer("/x", Answer(status, b"no"))
    assert (Received(status), b"") == _fetch(tmp_path, _wanted(url))
    assert 1 == len(registry.asked)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(Answer(429), id="too many requests"),
        pytest.param(Answer(429, fields={"Retry-After": "0"}), id="too many requests, at once again"),
        pytest.param(Answer(503, fields={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}), id="a date in the past"),
        pytest.param(Answer(503, fields={"Retry-After": "soon"}), id="a pause that is none"),
        pytest.param(Answer(500), id="an error"),
        pytest.param(Answer(408), id="a timeout of the server"),
        pytest.param(Answer(200, b"da", {"Content-Length": "4"}), id="a body that breaks off"),
        pytest.param(
            Answer(fields={"Transfer-Encoding": "chunked"}, write=lambda handler: _write(handler, b"3\r\nabc\r\n")),
            id="no last chunk",
        ),
    ],
)
def test_what_passes_is_tried_again(tmp_path: Path, registry: LocalRegistry, first: Answer) -> None:
    url = registry.answer("/x", first, Answer(body=b"data"))
    assert (Received(200), b"data") == _fetch(tmp_path, _wanted(url))
    assert ["/x", "/x"] == registry.paths()


def _write(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(data)
    handler.wfile.flush()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(Answer(500), "the file: it answers with status 500", id="an error for ever"),
        pytest.param(Answer(206, b"da"), "the file: it answers with status 206", id="a part that was not asked for"),
        pytest.param(Answer(304), "the file: it answers with status 304", id="a comparison that was not asked for"),
        pytest.param(
            Answer(200, b"da", {"Content-Length": "4"}), "the file: the connection broke off", id="half a body"
        ),
    ],
)
def test_what_does_not_pass_ends_after_some_attempts(
    tmp_path: Path, registry: LocalRegistry, answer: Answer, message: str
) -> None:
    url = registry.answer("/x", answer)
    assert ("registry-unreachable", message) == _refused(tmp_path, _wanted(url))
    assert QUICK.attempts == len(registry.asked)


def test_a_pause_that_is_too_long_is_not_cut_short(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(429, fields={"Retry-After": "3600"}))
    reference, message = _refused(tmp_path, _wanted(url))
    assert "registry-unreachable" == reference
    assert "status 429 and asks for a pause of 3600 s" in message
    assert 1 == len(registry.asked)


def test_a_pause_beyond_the_time_limit_is_not_begun(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(500))
    _refused(tmp_path, _wanted(url), dataclasses.replace(QUICK, first_pause=1000.0, longest_pause=1000.0))
    assert 1 == len(registry.asked)


def test_nobody_listening_is_told(tmp_path: Path) -> None:
    said = _refused(tmp_path, _wanted("http://127.0.0.1:1/x"))
    assert ("registry-unreachable", "the file: the host takes no connection") == said


def test_a_name_without_an_address_is_told(tmp_path: Path) -> None:
    said = _refused(tmp_path, _wanted("http://nowhere.invalid/x"))
    assert ("registry-unreachable", "the file: the host's name has no address") == said


def test_a_proxy_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "", {"HTTP_PROXY": "http://127.0.0.1:1"})
    with _client(settings) as client, pytest.raises(ConfigurationError, match="the proxy can't be reached"):
        client.fetch(_wanted("http://npm.invalid/x"), Buffer())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b"x" * 1001), id="it says so"),
        pytest.param(Answer(fields={"Connection": "close"}, write=lambda h: _write(h, b"x" * 1001)), id="it does not"),
        pytest.param(Answer(body=b"", fields={"Content-Length": "9" * 17}), id="it says something absurd"),
    ],
)
def test_more_than_the_limit_is_refused(tmp_path: Path, registry: LocalRegistry, answer: Answer) -> None:
    reference, message = _refused(tmp_path, _wanted(registry.answer("/x", answer)))
    assert ("registry-too-large", "the file is larger than 1000 octets") == (reference, message)
    assert 1 == len(registry.asked)


def test_a_body_of_exactly_the_limit_arrives(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(body=b"x" * 1000))
    assert b"x" * 1000 == _fetch(tmp_path, _wanted(url))[1]


def _drip(registry: LocalRegistry, octet: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        while not registry.closing.wait(0.02):
            _write(handler, octet)

    return write


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"Content-Length": "999"}, id="with a length"),
        pytest.param({"Connection": "close"}, id="without a length"),
    ],
)
def test_a_body_that_drips_is_given_up(tmp_path: Path, registry: LocalRegistry, fields: dict[str, str]) -> None:
    url = registry.answer("/x", Answer(fields=fields, write=_drip(registry, b"x")))
    said = _refused(tmp_path, _wanted(url, limit=10**6), dataclasses.replace(QUICK, exchange=0.3, attempts=1))
    assert ("registry-unreachable", "the file: it takes too long") == said


def test_the_clock_decides_not_the_machine(tmp_path: Path, registry: LocalRegistry) -> None:
    """With a clock that leaps, even the first piece comes too late."""
    ticks = itertools.count(step=1000.0)
    settings = dataclasses.replace(settings_for(tmp_path), clock=lambda: next(ticks))
    with _client(settings) as client, pytest.raises(ConfigurationError, match="it takes too long"):
        client.fetch(_wanted(registry.answer("/x", Answer(body=b"data"))), Buffer())
    assert [] == registry.asked


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"x", id="a field without an end"),
        pytest.param(b"x: y\r\n", id="fields without an end"),
    ],
)
def test_a_head_that_drips_is_given_up(tmp_path: Path, octets: bytes) -> None:
    """A server that sends something all the time, but never a whole head."""
    with _raw_server(b"HTTP/1.1 200 OK\r\n", octets) as url:
        limits = dataclasses.replace(QUICK, exchange=0.2, attempts=1)
        reference, _ = _refused(tmp_path, _wanted(url), limits)
    assert "registry-unreachable" == reference


def test_silence_is_given_up(tmp_path: Path, registry: LocalRegistry) -> None:
    def wait(handler: BaseHTTPRequestHandler) -> None:
        registry.closing.wait(20)

    url = registry.answer("/x", Answer(fields={"Content-Length": "9"}, write=wait))
    limits = dataclasses.replace(QUICK, silence=0.1, attempts=1)
    assert ("registry-unreachable", "the file: no answer came in time") == _refused(tmp_path, _wanted(url), limits)


def test_a_body_that_stops_is_not_taken_for_a_whole_one(tmp_path: Path, registry: LocalRegistry) -> None:
    """Without a length, the end that our own time limit makes looks like any other end."""

    def stop(handler: BaseHTTPRequestHandler) -> None:
        _write(handler, b"half")
        registry.closing.wait(20)

    url = registry.answer("/x", Answer(fields={"Connection": "close"}, write=stop))
    said = _refused(tmp_path, _wanted(url), dataclasses.replace(QUICK, exchange=0.3, attempts=1))
    assert ("registry-unreachable", "the file: it takes too long") == said


@contextmanager
def _raw_server(head: bytes, drip: bytes) -> Iterator[str]:
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(head)
            try:
                while not closing.wait(0.01):
                    connection.sendall(drip)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    finally:
        closing.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"SSH-2.0-x\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", id="two lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="a chunk without a size"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n", id="too many fields"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70000 + b"\r\n\r\n", id="too long a field"),
    ],
)
def test_what_is_no_http_is_told(tmp_path: Path, head: bytes) -> None:
    with _raw_server(head, b"z") as url:
        limits = dataclasses.replace(QUICK, attempts=1, silence=1.0)
        assert "registry-unreachable" == _refused(tmp_path, _wanted(url), limits)[0]


def test_progress_is_told(tmp_path: Path, registry: LocalRegistry) -> None:
    heard = Heard()
    url = registry.answer("/x", Answer(200, b"da", {"Content-Length": "4"}), Answer(body=b"data"))
    _fetch(tmp_path, dataclasses.replace(_wanted(url), progress=heard))
    assert [4, 2, 0.0, 4, 4] == [said for _, said in heard.said]
    assert {"x@1.0.0"} == {label for label, _ in heard.said}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_with_the_token(tmp_path: Path, registry: LocalRegistry, status: int) -> None:
    registry.answer("/y", Answer(body=b"data"))
    url = registry.answer("/x", Answer(status, fields={"Location": "/y"}))
    assert b"data" == _fetch(tmp_path, _wanted(url, token="secret"))[1]
    assert [("/x", "Bearer secret"), ("/y", "Bearer secret")] == [(a.path, a.authorization) for a in registry.asked]


def test_a_token_does_not_follow_to_another_origin(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    far = elsewhere.answer("/y", Answer(body=b"data"))
    url = registry.answer("/x", Answer(302, fields={"Location": far}))
    assert b"data" == _fetch(tmp_path, _wanted(url, token="secret"))[1]
    assert ["Bearer secret"] == [asked.authorization for asked in registry.asked]
    assert [None] == [asked.authorization for asked in elsewhere.asked]
    assert "secret" not in str(elsewhere.asked)


def test_a_token_is_not_sent_back_home_from_another_origin(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    """Else another host could have the registry do, with our token, what it likes."""
    registry.answer("/z", Answer(body=b"data"))
    far = elsewhere.answer("/y", Answer(302, fields={"Location": f"{registry.url}z"}))
    url = registry.answer("/x", Answer(302, fields={"Location": far}))
    assert b"data" == _fetch(tmp_path, _wanted(url, token="secret"))[1]
    assert [("/x", "Bearer secret"), ("/z", None)] == [(asked.path, asked.authorization) for asked in registry.asked]


def test_a_token_is_not_sent_to_a_tarball_elsewhere(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    far = elsewhere.answer("/y", Answer(body=b"data"))
    _fetch(tmp_path, _wanted(far, registry=registry.url, token="secret"))
    assert [None] == [asked.authorization for asked in elsewhere.asked]


def test_redirects_in_a_circle_end(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(302, fields={"Location": "/x"}))
    assert ("registry-redirect", "the file: the registry redirects too often") == _refused(tmp_path, _wanted(url))
    assert QUICK.redirects + 1 == len(registry.asked)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({}, "names no address", id="no Location"),
        pytest.param({"Location": "file:///etc/passwd"}, "only http and https", id="a file"),
        pytest.param({"Location": "http://u:p@127.0.0.1/"}, "user or password", id="a password"),
        pytest.param({"Location": "http://127.0.0.1:1\\@a.example/"}, "no URL has", id="a backslash"),
        pytest.param({"Location": "http://[/"}, "can't be followed", id="nonsense"),
    ],
)
def test_redirects_that_are_not_followed(
    tmp_path: Path, registry: LocalRegistry, fields: dict[str, str], message: str
) -> None:
    reference, said = _refused(tmp_path, _wanted(registry.answer("/x", Answer(302, fields=fields))))
    assert "registry-redirect" == reference
    assert message in said
    assert 1 == len(registry.asked)


def test_a_signature_in_a_redirect_is_not_told(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    elsewhere.answer("/y?signature=secret", Answer(500))
    url = registry.answer("/x", Answer(302, fields={"Location": f"{elsewhere.url}y?signature=secret"}))
    with pytest.raises(ConfigurationError) as raised:
        _fetch(tmp_path, _wanted(url, token="secret-token"))
    assert "secret" not in str(raised.value)


def test_stopping_ends_a_download_under_way(tmp_path: Path, registry: LocalRegistry) -> None:
    begun = threading.Event()

    def wait(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        registry.closing.wait(20)

    url = registry.answer("/x", Answer(fields={"Content-Length": "9"}, write=wait))
    with _client(settings_for(tmp_path)) as client, ThreadPoolExecutor() as threads:
        download = threads.submit(client.fetch, _wanted(url), Buffer())
        assert begun.wait(20)
        client.stop()
        with pytest.raises(StoppedError):
            download.result(20)
        with pytest.raises(StoppedError):
            client.fetch(_wanted(url), Buffer())


def test_stopping_ends_a_pause(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(500))
    limits = dataclasses.replace(QUICK, first_pause=25.0, longest_pause=25.0)
    with _client(settings_for(tmp_path, limits=limits)) as client, ThreadPoolExecutor() as threads:
        download = threads.submit(client.fetch, _wanted(url), Buffer())
        while not registry.asked:
            threading.Event().wait(0.01)
        client.stop()
        with pytest.raises(StoppedError):
            download.result(20)


class _Pauses:
    """Lets no time pass, and writes down how long was to be waited."""

    def __init__(self) -> None:
        self.said: list[float] = []

    def wait(self, stopping: threading.Event, pause: float) -> bool:
        self.said.append(pause)
        return stopping.is_set()


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        pytest.param(0.0, [0.5, 1.0, 2.0, 2.0], id="the shortest pauses"),
        pytest.param(1.0, [1.0, 2.0, 4.0, 4.0], id="the longest pauses"),
        pytest.param(0.5, [0.75, 1.5, 3.0, 3.0], id="pauses between"),
    ],
)
def test_pauses_grow_and_are_spread(
    tmp_path: Path, registry: LocalRegistry, chance: float, expected: list[float]
) -> None:
    pauses = _Pauses()
    limits = dataclasses.replace(QUICK, first_pause=1.0, longest_pause=4.0, attempts=5)
    settings = dataclasses.replace(settings_for(tmp_path, limits=limits), wait=pauses.wait, chance=lambda: chance)
    with _client(settings) as client, pytest.raises(ConfigurationError):
        client.fetch(_wanted(registry.answer("/x", Answer(500))), Buffer())
    assert expected == pauses.said


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param("3", [3.0], id="seconds"),
        pytest.param("Thu, 01 Jan 1970 00:01:43 GMT", [3.0], id="a date"),
        pytest.param("0", [1.0], id="none is not less than ours"),
    ],
)
def test_a_pause_that_is_asked_for_is_kept(
    tmp_path: Path, registry: LocalRegistry, asked: str, expected: list[float]
) -> None:
    pauses, heard = _Pauses(), Heard()
    limits = dataclasses.replace(QUICK, first_pause=1.0, longest_pause=4.0)
    settings = dataclasses.replace(
        settings_for(tmp_path, limits=limits), wait=pauses.wait, chance=lambda: 1.0, now=lambda: 100.0
    )
    url = registry.answer("/x", Answer(429, fields={"Retry-After": asked}), Answer(body=b"data"))
    with _client(settings) as client:
        client.fetch(dataclasses.replace(_wanted(url), progress=heard), Buffer())
    assert expected == pauses.said
    assert ("x@1.0.0", expected[0]) in heard.said


TAGGED = {"ETag": '"1"'}
BROKEN = Answer(200, b"da", {**TAGGED, "Content-Length": "4"})


def _asked_ranges(registry: LocalRegistry) -> list[tuple[str | None, str | None]]:
    return [(asked.fields.get("range"), asked.fields.get("if-range")) for asked in registry.asked]


def test_a_download_that_breaks_off_is_continued(tmp_path: Path, registry: LocalRegistry) -> None:
    heard, sink = Heard(), Measured(io.BytesIO(), "")
    url = registry.answer("/x", BROKEN, Answer(body=b"data", fields=TAGGED))
    with _client(settings_for(tmp_path)) as client:
        received = client.fetch(dataclasses.replace(_wanted(url), progress=heard), sink)
    assert Received(200, was_continued=True) == received
    assert (b"data", 4) == (_content(sink), sink.size)
    assert [(None, None), ("bytes=2-", '"1"')] == _asked_ranges(registry)
    assert [4, 2, 0.0, 4, 2, 2] == [octets for _, octets in heard.said]


def test_what_an_earlier_command_began_is_continued(tmp_path: Path, registry: LocalRegistry) -> None:
    sink = Measured(io.BytesIO(b"da"), "", '"1"')
    url = registry.answer("/x", Answer(body=b"data", fields=TAGGED))
    with _client(settings_for(tmp_path)) as client:
        assert client.fetch(_wanted(url), sink).was_continued
    assert b"data" == _content(sink)


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        pytest.param(BROKEN, Answer(body=b"other", fields={"ETag": '"2"'}), b"other", id="it is another by now"),
        pytest.param(BROKEN, Answer(body=b"data"), b"data", id="the server doesn't know ranges"),
        pytest.param(
            Answer(200, b"da", {"ETag": 'W/"1"', "Content-Length": "4"}), Answer(body=b"data"), b"data", id="only alike"
        ),
        pytest.param(
            Answer(200, b"da", {"Content-Length": "4"}), Answer(body=b"data"), b"data", id="nothing to compare"
        ),
    ],
)
def test_what_cannot_be_continued_begins_anew(
    tmp_path: Path, registry: LocalRegistry, first: Answer, then: Answer, expected: bytes
) -> None:
    sink = Measured(io.BytesIO(), "")
    url = registry.answer("/x", first, then)
    with _client(settings_for(tmp_path)) as client:
        assert Received(200) == client.fetch(_wanted(url), sink)
    assert expected == _content(sink)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(Answer(206, b"ta", {**TAGGED, "Content-Range": "bytes 1-2/4"}), id="from another place"),
        pytest.param(Answer(206, b"ta", TAGGED), id="from nowhere"),
        pytest.param(Answer(206, b"ta", {"ETag": '"2"', "Content-Range": "bytes 2-3/4"}), id="of something else"),
        pytest.param(Answer(416, fields={"Content-Range": "bytes */2"}), id="there is no more"),
    ],
)
def test_a_part_that_does_not_fit_begins_anew(tmp_path: Path, registry: LocalRegistry, part: Answer) -> None:
    sink = Measured(io.BytesIO(), "")
    url = registry.answer("/x", BROKEN, part, Answer(body=b"data", fields=TAGGED))
    with _client(settings_for(tmp_path)) as client:
        assert Received(200) == client.fetch(_wanted(url), sink)
    assert b"data" == _content(sink)
    assert [None, "bytes=2-", None] == [asked for asked, _ in _asked_ranges(registry)]


def test_the_parts_together_are_limited(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(206, b"x" * 600, {**TAGGED, "Content-Range": "bytes 600-1199/1200"}))
    sink = Measured(io.BytesIO(b"x" * 600), "", '"1"')
    with _client(settings_for(tmp_path)) as client, pytest.raises(ConfigurationError, match="larger than 1000 octets"):
        client.fetch(_wanted(url), sink)


def test_connections_are_kept(tmp_path: Path, registry: LocalRegistry) -> None:
    url = registry.answer("/x", Answer(body=b"data"))
    with _client(settings_for(tmp_path)) as client:
        for _ in range(3):
            client.fetch(_wanted(url), Buffer())
    assert 1 == registry.connections


def _content(sink: Measured) -> bytes:
    sink.file.seek(0)
    return sink.file.read()

"""The one client: however a server drips, an exchange ends; and a slow one that goes on is not cut off."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cdnserve.client import TOO_LATE, HttpClient, HttpExchange, NoAnswerError, OutgoingRequest, Patience
from cdnserve.errors import ConfigurationError
from cdnserve.npm.download import Buffer, Download
from cdnserve.npm.download import RegistryClient as Downloads
from cdnserve.npm.registry import Registry, http_client, parse_address
from cdnserve.snippets.fetch import fetch
from cdnserve.verify.client import ClientOptions, NoAnswer, parse_target
from cdnserve.verify.client import EdgeClient as Asking
from cdnserve.verify.question import Question
from tests.npm.registry import QUICK, settings_for

Speak = Callable[[socket.socket, threading.Event], None]
SHORT = Patience(connect=20.0, silence=20.0, exchange=0.3)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def serving(speak: Speak) -> Iterator[str]:
    """Serve connections one after the other, each by what `speak` does with it, and yield the URL."""
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                if closing.is_set():
                    return
                connection.settimeout(20)
                speak(connection, closing)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/x"
    finally:
        closing.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()
        listener.close()


def head_of(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (piece := connection.recv(4096)):
        head += piece
    return head


def dripping(opening: bytes, drip: bytes) -> Speak:
    """Say something, and then a little more all the time."""

    def speak(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(opening)
        while not closing.wait(0.01):
            connection.sendall(drip)

    return speak


DRIPS = [
    pytest.param(dripping(b"", b""), id="nothing at all"),
    pytest.param(dripping(b"HTTP/1.1 200 ", b"K"), id="a status line without an end"),
    pytest.param(dripping(OK + b"x: ", b"y"), id="a field without an end"),
    pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="100 (Continue) for ever"),
    pytest.param(dripping(b"HTTP/1.1 100 Continue\r\nx: ", b"y"), id="a 100 (Continue) without an end"),
    pytest.param(dripping(OK + b"Content-Length: 999999\r\n\r\n", b"x"), id="content with a length"),
    pytest.param(dripping(OK + b"Connection: close\r\n\r\n", b"x"), id="content without a length"),
    pytest.param(dripping(OK + b"Connection: close\r\n\r\n", b""), id="a head, and silence"),
    pytest.param(dripping(CHUNKED, b"1\r\nx\r\n"), id="chunks"),
    pytest.param(dripping(CHUNKED + b"1;", b"x"), id="a chunk's extension"),
    pytest.param(dripping(CHUNKED + b"1\r\nx\r\n0\r\n", b"x: y\r\n"), id="trailers for ever"),
    pytest.param(dripping(CHUNKED + b"0\r\nx: ", b"y"), id="a trailer without an end"),
]


def _registry(url: str, folder: Path) -> str:
    settings = settings_for(folder, limits=replace(QUICK, exchange=0.3, silence=20.0, attempts=1))
    client = http_client(settings, {})
    wanted = Download("the file", parse_address(url), Registry(parse_address(url).join("/"), {}), 10**6)
    try:
        with pytest.raises(ConfigurationError) as raised:
            Downloads(client, settings).fetch(wanted, Buffer())
    finally:
        client.close()
    return raised.value.problems[0].message.removeprefix("the file: ")


def _remote(url: str, folder: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        fetch(url, settings_for(folder, limits=replace(QUICK, exchange=0.3, silence=20.0)))
    return raised.value.problems[0].message


def _verify(url: str, _: Path) -> str:
    client = Asking(parse_target(url.removesuffix("/x")), ClientOptions(), SHORT)
    try:
        answer = client.ask(Question("whole", "GET", "x"), 10**6)
    finally:
        client.close()
    assert isinstance(answer, NoAnswer)
    return answer.reason


@pytest.mark.parametrize("speak", DRIPS)
@pytest.mark.parametrize(
    "user",
    [
        pytest.param(_registry, id="the registry"),
        pytest.param(_remote, id="sri URL and audit --fetch"),
        pytest.param(_verify, id="verify"),
    ],
)
def test_whatever_drips_ends_and_is_told_in_the_same_words(
    tmp_path: Path, user: Callable[[str, Path], str], speak: Speak
) -> None:
    with serving(speak) as url:
        assert TOO_LATE == user(url, tmp_path)


@contextmanager
def client_of(patience: Patience = SHORT, **options: object) -> Iterator[HttpClient]:
    client = HttpClient(patience, ssl.create_default_context, **options)  # type: ignore[arg-type] # by their names
    try:
        yield client
    finally:
        client.close()


def whole(client: HttpClient, request: OutgoingRequest, limit: int = 10**6) -> bytes:
    with client.exchange() as exchange, exchange.ask(request) as response:
        return response.content(limit)


def test_a_silence_may_be_longer_than_connecting(tmp_path: Path) -> None:
    def slow(connection: socket.socket, closing: threading.Event) -> None:
        closing.wait(0.3)
        connection.sendall(OK + b"Content-Length: 4\r\n\r\nlate")

    with serving(slow) as url, client_of(Patience(connect=0.1, silence=20.0, exchange=20.0)) as client:
        assert whole(client, OutgoingRequest(url, {})) == b"late"


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(dripping(b"", b""), id="a handshake that nobody answers"),
        pytest.param(dripping(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xf0", b"\0"), id="a handshake that drips"),
    ],
)
def test_a_handshake_has_the_same_deadline(speak: Speak) -> None:
    with serving(speak) as url, client_of() as client, pytest.raises(NoAnswerError, match=TOO_LATE):
        whole(client, OutgoingRequest(url.replace("http:", "https:"), {}))


def test_a_tunnel_through_a_proxy_has_the_same_deadline() -> None:
    with (
        serving(dripping(b"HTTP/1.1 200 OK\r\nx: ", b"y")) as url,
        client_of(proxy=lambda _: url) as client,
        pytest.raises(NoAnswerError, match=TOO_LATE),
    ):
        whole(client, OutgoingRequest("https://npm.invalid/x", {}))


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_all_requests_of_an_exchange_share_its_deadline() -> None:
    """Redirects that each take less than the time, but not together."""
    clock = _Clock()

    def speak(connection: socket.socket, _: threading.Event) -> None:
        while head_of(connection):
            clock.now += 4.0
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")

    def ask(exchange: HttpExchange, url: str) -> int:
        with exchange.ask(OutgoingRequest(url, {})) as response:
            return len(list(response.pieces()))

    patience = replace(SHORT, exchange=10.0)
    with serving(speak) as url, client_of(patience, clock=clock) as client, client.exchange() as exchange:
        assert [0, 0] == [ask(exchange, url), ask(exchange, url)]
        with pytest.raises(NoAnswerError, match=TOO_LATE):
            ask(exchange, url)


def _steady(connection: socket.socket, _: threading.Event) -> None:
    head_of(connection)
    connection.sendall(CHUNKED + b"64\r\n%b\r\n" % (b"x" * 100) * 200 + b"0\r\n\r\n")


def _steadily(speed: int) -> int:
    """Read 20,000 octets by a clock that goes by what has come; 100 a second are asked for, and 10 s at a time."""
    clock, came = _Clock(), 0
    patience = replace(SHORT, exchange=10.0, rate=100)
    with (
        serving(_steady) as url,
        client_of(patience, clock=clock) as client,
        client.exchange() as exchange,
        exchange.ask(OutgoingRequest(url, {})) as response,
    ):
        for piece in response.pieces():
            came += len(piece)
            clock.now = came / speed
    return came


def test_a_long_response_has_time_as_long_as_it_goes_on() -> None:
    assert 20_000 == _steadily(200)


def test_a_response_that_is_too_slow_is_given_up() -> None:
    with pytest.raises(NoAnswerError, match=TOO_LATE):
        _steadily(50)


def test_what_came_in_a_burst_buys_no_time_for_a_drip() -> None:
    """After a megabyte at once, another 10 s without enough are the end all the same."""
    clock = _Clock()

    def speak(connection: socket.socket, closing: threading.Event) -> None:
        head_of(connection)
        connection.sendall(OK + b"Connection: close\r\n\r\n" + b"x" * 10**6)
        while not closing.wait(0.001):
            clock.now += 1.0
            connection.sendall(b"x")

    patience = replace(SHORT, exchange=10.0, rate=100)
    with (
        serving(speak) as url,
        client_of(patience, clock=clock) as client,
        pytest.raises(NoAnswerError, match=TOO_LATE),
    ):
        whole(client, OutgoingRequest(url, {}), 10**7)


def test_an_exchange_that_ended_does_not_cut_the_next_one_on_its_connection() -> None:
    heads: list[bytes] = []

    def speak(connection: socket.socket, closing: threading.Event) -> None:
        while head := head_of(connection):
            heads.append(head)
            if len(heads) == 2:
                # Longer than the first exchange had.
                closing.wait(0.5)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
        heads.append(b"closed")

    with serving(speak) as url, client_of() as client:
        assert b"ok" == whole(client, OutgoingRequest(url, {}))
        client.patience = replace(SHORT, exchange=20.0)
        assert b"ok" == whole(client, OutgoingRequest(url, {}))
        assert 2 == len(heads)


def test_everything_under_way_is_cut_at_once() -> None:
    begun = threading.Event()

    def speak(connection: socket.socket, closing: threading.Event) -> None:
        begun.set()
        closing.wait(20)

    with serving(speak) as url, client_of(replace(SHORT, exchange=20.0)) as client, ThreadPoolExecutor() as threads:
        asked = threads.submit(whole, client, OutgoingRequest(url, {}))
        assert begun.wait(20)
        client.cut()
        with pytest.raises(NoAnswerError):
            asked.result(20)


def test_a_name_with_many_dead_addresses_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, tried = _Clock(), []

    def dead(address: tuple[str, int], timeout: float, **_: object) -> socket.socket:
        tried.append((address[0], timeout))
        clock.now += timeout
        raise TimeoutError

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{number}", 80)) for number in range(200)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr("cdnserve.client.create_connection", dead)
    with client_of(Patience(connect=10.0, exchange=25.0), clock=clock) as client, pytest.raises(NoAnswerError):
        whole(client, OutgoingRequest("http://many.invalid/", {}))
    assert [("192.0.2.0", 10.0), ("192.0.2.1", 10.0), ("192.0.2.2", 5.0)] == tried


INTERIM = {
    "102 (Processing)": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103 (Early Hints)": b"HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\nContent-Length: 9\r\n\r\n",
    "one that nobody knows": b'HTTP/1.1 199 Whatever\r\nTransfer-Encoding: chunked\r\nETag: "interim"\r\n\r\n',
    "several": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
}


def _interim(interim: bytes) -> Speak:
    def speak(connection: socket.socket, _: threading.Event) -> None:
        while head_of(connection):
            connection.sendall(interim + OK + b"Content-Type: text/css\r\nContent-Length: 5\r\n\r\nfinal")

    return speak


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
def test_an_interim_response_is_not_the_answer(interim: bytes) -> None:
    """RFC 9110 §15.2: any number of them may come before the final one; the connection goes on."""
    with serving(_interim(interim)) as url, client_of(replace(SHORT, exchange=20.0)) as client:
        for _ in range(2):
            assert (200, None, b"final") == _answer(client, url)


def _answer(client: HttpClient, url: str) -> tuple[int, str | None, bytes]:
    """Return status, ETag and content; a response that somebody still holds would keep its connection open."""
    with client.exchange() as exchange, exchange.ask(OutgoingRequest(url, {})) as response:
        return response.status, response.headers.get("ETag"), response.content(9)


def _ask_registry(url: str, folder: Path) -> bytes:
    settings = settings_for(folder)
    client, sink = http_client(settings, {}), Buffer()
    try:
        Downloads(client, settings).fetch(
            Download("the file", parse_address(url), Registry(parse_address(url).join("/"), {}), 10**6), sink
        )
    finally:
        client.close()
    return sink.data


def _ask_remote(url: str, folder: Path) -> bytes:
    return fetch(url, settings_for(folder)).content


def _ask_edge(url: str, _: Path) -> bytes:
    client = Asking(parse_target(url.removesuffix("/x")), ClientOptions(), replace(SHORT, exchange=20.0))
    try:
        answer = client.ask(Question("whole", "GET", "x"), 10**6)
    finally:
        client.close()
    assert not isinstance(answer, NoAnswer)
    return answer.content.plain


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(_ask_registry, id="the registry"),
        pytest.param(_ask_remote, id="sri URL and audit --fetch"),
        pytest.param(_ask_edge, id="verify"),
    ],
)
def test_early_hints_are_passed_over_by_everyone_who_asks(tmp_path: Path, ask: Callable[[str, Path], bytes]) -> None:
    with serving(_interim(INTERIM["103 (Early Hints)"])) as url:
        assert b"final" == ask(url, tmp_path)


def test_early_hints_for_ever_end_with_the_exchange() -> None:
    with (
        serving(dripping(b"", INTERIM["103 (Early Hints)"])) as url,
        client_of() as client,
        pytest.raises(NoAnswerError, match=TOO_LATE),
    ):
        whole(client, OutgoingRequest(url, {}))


def test_a_protocol_that_nobody_asked_for_is_an_answer() -> None:
    """RFC 9110 §15.2.2: 101 (Switching Protocols) is no interim one: no response follows it."""

    def speak(connection: socket.socket, _: threading.Event) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")

    with (
        serving(speak) as url,
        client_of(replace(SHORT, exchange=20.0)) as client,
        client.exchange() as exchange,
        exchange.ask(OutgoingRequest(url, {})) as response,
    ):
        assert 101 == response.status

"""HTTP/2: the limits that hold there, and how a connection ends; the contract itself is tested in tests/contract."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes

from cdnserve.server.settings import ServerLimits, ServerSettings
from cdnserve.server.tls import Pair
from tests.certificates import Identity, identity
from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.scraping import admin_address, scrape, total, value
from tests.server.serving import PATIENCE, Served, eventually, serving, settings

STRICT = ServerLimits(head=2000, head_seconds=2, idle_seconds=3, stall_seconds=2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate for all."""
    return identity(tmp_path_factory.mktemp("tls"))


def over_h2(place: Built, made: Identity, limits: ServerLimits | None = None, **more: Any) -> ServerSettings:
    """Return settings with HTTP/2."""
    pair = Pair(made.certificate, made.key)
    return replace(settings(place.root, place.state, limits=limits), pair=pair, http2=True, admin_port=0, **more)


class Client:
    """A connection that notes what comes, and that goes on after an announced end (RFC 9113 §6.8)."""

    def __init__(self, served: Served, made: Identity, window: int | None = None) -> None:
        plain = socket.create_connection(served.address, PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = made.client("h2").wrap_socket(plain, server_hostname="localhost")
        self.h2 = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.events: list[Event] = []
        self.is_closed = False
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, path: str, *fields: tuple[str, str]) -> int:
        """Send a request; gives its stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", "GET"), (":scheme", "https"), (":authority", "cdn.example.com"), (":path", path)]
        self.h2.send_headers(stream, [*head, *fields], end_stream=True)
        self.flush()
        return stream

    def read(self, until: Callable[[], object], *, takes: bool = True) -> None:
        """Read until something is so, or the connection has ended."""
        while not until() and not self.is_closed:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            self.is_closed = not data
            events = self.h2.receive_data(data)
            self.events += events
            if any(isinstance(event, ConnectionTerminated) for event in events):
                self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
            for event in events:
                if isinstance(event, DataReceived) and takes:
                    with suppress(KeyError):
                        self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            with suppress(OSError):  # whoever was cut off has still something to read
                self.flush()

    def of(self, kind: type[Event], stream: int | None = None) -> list[Any]:
        """Return the events of a kind, of one stream or all."""
        return [e for e in self.events if isinstance(e, kind) and stream in (None, getattr(e, "stream_id", None))]

    def response(self, stream: int) -> tuple[int, bytes]:
        """Read a whole response; gives status and content."""
        self.read(lambda: self.of(StreamEnded, stream))
        (head,) = self.of(ResponseReceived, stream)
        return int(dict(head.headers)[b":status"]), b"".join(event.data for event in self.of(DataReceived, stream))


@contextmanager
def connected(served: Served, made: Identity, window: int | None = None) -> Iterator[Client]:
    """Connect while the block runs."""
    client = Client(served, made, window)
    try:
        yield client
    finally:
        client.socket.close()


@pytest.fixture(scope="module")
def strict(built: Built, made: Identity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with little patience."""
    log = tmp_path_factory.mktemp("log") / "strict.txt"
    with serving(over_h2(built, made, STRICT), log) as served:
        yield served
    assert "Traceback" not in log.read_text()
    assert [] == [line for line in log.read_text().splitlines() if not line.startswith("INFO")]


def test_both_versions_on_one_port(strict: Served, made: Identity) -> None:
    """Who says nothing of protocols gets HTTP/1.1; both are counted."""
    with connected(strict, made) as client, Connection(strict.address, PATIENCE, made.client()) as other:
        assert (200, tree.TINY) == client.response(client.ask("/any/tiny.txt"))
        assert other.exchange(message("GET", "/any/tiny.txt")).body == tree.TINY
        samples = scrape(admin_address(strict))
    assert value(samples, "cdnserve_connections", state="idle") >= 2
    assert total(samples, "cdnserve_responses_total", lane="fast", status="200") >= 2


def test_a_head_that_is_too_large_is_431(strict: Served, made: Identity) -> None:
    """And the connection goes on."""
    with connected(strict, made) as client:
        assert 431 == client.response(client.ask("/any/tiny.txt", ("x", "y" * 2000)))[0]
        assert 431 == client.response(client.ask("/any/" + "x" * 2000))[0]
        assert 431 == client.response(client.ask("/any/tiny.txt", *[(f"x{n}", "") for n in range(60)]))[0]
        assert 200 == client.response(client.ask("/any/tiny.txt"))[0]


def test_a_head_beyond_all_bounds_ends_the_connection(strict: Served, made: Identity) -> None:
    with connected(strict, made) as client:
        with suppress(OSError):
            client.ask("/any/tiny.txt", *[(f"x{n}", "y" * 4000) for n in range(60)])
        client.read(lambda: False)
        assert [ErrorCodes.ENHANCE_YOUR_CALM] == [event.error_code for event in client.of(ConnectionTerminated)]


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(lambda client: None, id="nothing asked"),
        pytest.param(lambda client: client.response(client.ask("/any/tiny.txt")), id="after an answer"),
        pytest.param(lambda client: client.socket.sendall(b"\x00\x00\x40\x01"), id="in the middle of a frame"),
    ],
)
def test_an_idle_connection_is_closed(strict: Served, made: Identity, begin: Callable[[Client], object]) -> None:
    """Announced (RFC 9113 §6.8), and no half a head holds it up."""
    with connected(strict, made) as client:
        begin(client)
        client.read(lambda: False)
        assert [ErrorCodes.NO_ERROR] == [event.error_code for event in client.of(ConnectionTerminated)]


def test_pings_win_no_time(strict: Served, made: Identity) -> None:
    with connected(strict, made) as client:
        client.socket.settimeout(0.5)
        while not client.of(ConnectionTerminated):
            client.h2.ping(b"12345678")
            client.flush()
            with suppress(TimeoutError):
                client.read(lambda: client.of(ConnectionTerminated))


def test_a_client_that_takes_nothing_loses_its_stream(strict: Served, made: Identity) -> None:
    """One whose window is closed; the others of the connection go on."""
    with connected(strict, made, window=0) as client:
        stuck = client.ask("/any/huge.woff2")
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1})
        client.flush()
        client.read(lambda: client.of(StreamReset, stuck), takes=False)
        assert not client.is_closed
        assert len(b"".join(event.data for event in client.of(DataReceived, stuck))) <= 1


def test_a_client_that_reads_nothing_is_cut_off(strict: Served, made: Identity) -> None:
    with connected(strict, made) as client:
        client.h2.increment_flow_control_window(2**30)
        stream = client.ask("/any/huge.woff2")
        client.h2.increment_flow_control_window(2**30, stream)
        client.flush()
        samples = admin_address(strict)
        assert eventually(lambda: value(scrape(samples), "cdnserve_connections", state="active") == 1)
        assert eventually(lambda: value(scrape(samples), "cdnserve_connections", state="active") == 0)


def test_what_a_client_does_not_take_is_not_kept_for_it(built: Built, made: Identity, tmp_path: Path) -> None:
    """A hundred times 16 MB, to a window of nothing."""
    with serving(over_h2(built, made), tmp_path / "log.txt") as served, connected(served, made, window=0) as client:
        assert client.response(client.ask("/any/empty.css"))[0] == 200
        before = served.resident()
        streams = [client.ask("/any/huge.woff2") for _ in range(100)]
        client.read(lambda: len(client.of(ResponseReceived)) == 101)
        assert served.resident() - before < 40 * 2**20
        for stream in streams[1:]:
            client.h2.reset_stream(stream)
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 2**30})
        client.h2.increment_flow_control_window(2**30)
        client.flush()
        assert tree.HUGE == client.response(streams[0])[1]


def test_connections_beyond_the_limit_are_refused(built: Built, made: Identity, tmp_path: Path) -> None:
    limits = replace(STRICT, connections=1)
    with serving(over_h2(built, made, limits), tmp_path / "log.txt") as served, connected(served, made) as client:
        assert client.response(client.ask("/any/tiny.txt"))[0] == 200
        with pytest.raises(OSError), connected(served, made):  # noqa: PT011
            pass
        assert client.response(client.ask("/any/tiny.txt"))[0] == 200


def test_many_requests_are_for_several_connections(built: Built, made: Identity, tmp_path: Path) -> None:
    """The end is announced while nothing is under way, and a request that crosses it is answered."""
    with serving(over_h2(built, made), tmp_path / "log.txt") as served, connected(served, made) as client:
        for _ in range(1000):
            assert 200 == client.response(client.ask("/any/empty.css"))[0]
        client.read(lambda: client.of(ConnectionTerminated))
        (announced,) = client.of(ConnectionTerminated)
        assert (ErrorCodes.NO_ERROR, 2**31 - 1) == (announced.error_code, announced.last_stream_id)
        assert (200, tree.TINY) == client.response(client.ask("/any/tiny.txt"))
        client.read(lambda: False)
        assert client.is_closed


def test_the_drain_finishes_what_is_under_way(built: Built, made: Identity, tmp_path: Path) -> None:
    with serving(over_h2(built, made), tmp_path / "log.txt") as served, connected(served, made) as client:
        stream = client.ask("/any/huge.woff2")
        client.read(lambda: client.of(ResponseReceived))
        served.terminate()
        client.read(lambda: client.of(ConnectionTerminated))
        late = client.ask("/any/tiny.txt")
        assert (200, tree.HUGE) == client.response(stream)
        assert (200, tree.TINY) == client.response(late)
        client.read(lambda: False)
        assert served.ended() == 0
    assert "Traceback" not in served.told()


def test_a_flood_of_cancelled_requests_ends_the_connection(built: Built, made: Identity, tmp_path: Path) -> None:
    """CVE-2023-44487."""
    with serving(over_h2(built, made), tmp_path / "log.txt") as served, connected(served, made) as client:
        with suppress(OSError):
            for _ in range(2000):
                client.h2.reset_stream(client.ask("/any/huge.woff2"))
            client.flush()
        client.read(lambda: False)
        # Who still sends as the connection is closed may be told by a reset, and hear nothing else.
        assert {ErrorCodes.ENHANCE_YOUR_CALM} >= {event.error_code for event in client.of(ConnectionTerminated)}
        assert client.is_closed
        with connected(served, made) as other:
            assert 200 == other.response(other.ask("/any/tiny.txt"))[0]
    assert "Traceback" not in served.told()


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", bytes(100), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff"]
)
def test_what_is_no_http_2_ends_the_connection_quietly(strict: Served, made: Identity, octets: bytes) -> None:
    plain = socket.create_connection(strict.address, PATIENCE)
    with made.client("h2").wrap_socket(plain, server_hostname="localhost") as client:
        client.sendall(octets)
        with suppress(ConnectionError):
            while client.recv(4096):
                pass


def test_the_access_log_names_client_and_version(built: Built, made: Identity, tmp_path: Path) -> None:
    with serving(over_h2(built, made, access_log="combined"), tmp_path / "log.txt") as served:
        with connected(served, made) as client:
            assert client.response(client.ask("/any/tiny.txt", ("x-forwarded-for", "203.0.113.9")))[0] == 200
            assert client.response(client.ask("/any/tiny.txt?a", ("user-agent", "b")))[0] == 200
        assert eventually(lambda: len(served.written()) == 2)
    assert [line.partition(" ")[0] for line in served.written()] == ["127.0.0.1"] * 2
    assert served.written()[1].endswith('"GET /any/tiny.txt?a HTTP/2" 200 6 "-" "b"')


def test_a_download_that_is_broken_off_is_logged_with_what_was_sent(
    built: Built, made: Identity, tmp_path: Path
) -> None:
    """The stream alone, and then the connection."""
    with serving(over_h2(built, made, access_log="combined"), tmp_path / "log.txt") as served:
        with connected(served, made, window=100_000) as client:
            stream = client.ask("/any/huge.woff2")
            client.read(lambda: sum(len(e.data or b"") for e in client.events if isinstance(e, DataReceived)) >= 65_535)
            client.h2.reset_stream(stream)
            client.flush()
            assert eventually(lambda: len(served.written()) == 1)
            client.ask("/any/huge.woff2")
            client.read(lambda: client.events and isinstance(client.events[-1], DataReceived))
        assert eventually(lambda: len(served.written()) == 2)
        for line in served.written():
            octets = re.fullmatch(r'127\.0\.0\.1 .* "GET /any/huge.woff2 HTTP/2" 200 ([0-9]+) "-" "-" cut', line)
            assert octets
            assert int(octets[1]) <= 150_000
        assert "Traceback" not in served.told()

"""A certificate and its key: what is wrong with them is told before anybody tries a handshake."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import ssl
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cdnserve.errors import ConfigurationError
from cdnserve.server.handshake import Handshake, TlsContext
from cdnserve.server.http_asgi import AsgiConnection
from cdnserve.server.http_fast import FastConnection
from cdnserve.server.settings import ServerLimits, ServerSettings
from cdnserve.server.tls import CertificateFiles, Pair, check, keep_renewing, warnings
from tests.certificates import Identity, identity
from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.connections import Room, Tape, until
from tests.server.scraping import admin_address, scrape, value
from tests.server.serving import LANES, PATIENCE, Served, eventually, serving, settings


def problem_of(pair: Pair) -> tuple[str, str]:
    """Return the one problem of a pair, and where it is."""
    with pytest.raises(ConfigurationError) as caught:
        check(pair)
    (problem,) = caught.value.problems
    assert problem.hint
    assert not problem.warning
    return problem.reference, Path(problem.where).name


def test_a_pair_that_is_good(tmp_path: Path) -> None:
    made = identity(tmp_path)
    pair = Pair(made.certificate, made.key)
    assert made.serial == check(pair).serial_number
    assert () == warnings(pair, check(pair))


def test_both_may_be_in_one_file(tmp_path: Path) -> None:
    made = identity(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(made.key.read_bytes() + made.certificate.read_bytes())
    assert made.serial == check(Pair(both, both)).serial_number


def test_a_key_with_a_password(tmp_path: Path) -> None:
    made = identity(tmp_path, password="ünlock")
    assert made.serial == check(Pair(made.certificate, made.key, "ünlock")).serial_number
    assert ("tls-key-encrypted", "key.pem") == problem_of(Pair(made.certificate, made.key))
    assert ("tls-key-encrypted", "key.pem") == problem_of(Pair(made.certificate, made.key, "other"))
    assert "ünlock" not in repr(Pair(made.certificate, made.key, "ünlock"))


def test_a_password_that_no_key_needs_is_a_problem(tmp_path: Path) -> None:
    """Else it would stay in the environment for nothing."""
    made = identity(tmp_path)
    assert ("tls-key-invalid", "key.pem") == problem_of(Pair(made.certificate, made.key, "needless"))


@pytest.mark.parametrize("missing", ["certificate.pem", "key.pem"])
def test_a_file_that_is_not_there(tmp_path: Path, missing: str) -> None:
    made = identity(tmp_path)
    (tmp_path / missing).unlink()
    pair = Pair(made.certificate, made.key)
    assert ("tls-file-unreadable", missing) == problem_of(pair)
    assert () == pair.stamp()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    made = identity(tmp_path)
    assert ("tls-file-unreadable", tmp_path.name) == problem_of(Pair(tmp_path, made.key))


def test_the_key_of_another_certificate(tmp_path: Path) -> None:
    one, other = identity(tmp_path / "one"), identity(tmp_path / "other")
    assert ("tls-pair-mismatch", "key.pem") == problem_of(Pair(one.certificate, other.key))


@pytest.mark.parametrize(
    "content", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", bytes(3_000_000)]
)
def test_what_is_no_pem(tmp_path: Path, content: bytes) -> None:
    made, file = identity(tmp_path), tmp_path / "file"
    file.write_bytes(content)
    assert ("tls-certificate-invalid", "file") == problem_of(Pair(file, made.key))
    assert ("tls-key-invalid", "file") == problem_of(Pair(made.certificate, file))


def test_a_certificate_is_no_key_and_the_other_way_round(tmp_path: Path) -> None:
    made = identity(tmp_path)
    assert ("tls-key-invalid", "certificate.pem") == problem_of(Pair(made.certificate, made.certificate))
    assert ("tls-certificate-invalid", "key.pem") == problem_of(Pair(made.key, made.key))


@pytest.mark.parametrize(
    ("starts", "lasts", "reference"),
    [
        pytest.param(timedelta(days=-9), timedelta(days=1), "tls-certificate-expired", id="expired"),
        pytest.param(timedelta(days=1), timedelta(days=9), "tls-certificate-early", id="early"),
    ],
)
def test_a_certificate_out_of_time_is_a_warning(
    tmp_path: Path, starts: timedelta, lasts: timedelta, reference: str
) -> None:
    made = identity(tmp_path, starts=starts, lasts=lasts)
    pair = Pair(made.certificate, made.key)
    (warning,) = warnings(pair, check(pair))
    assert (reference, str(made.certificate), True) == (warning.reference, warning.where, warning.warning)


def test_a_stamp_sees_every_kind_of_change(tmp_path: Path) -> None:
    """Written over with as many octets and the same times, replaced, or behind a link that was switched."""
    old, new = identity(tmp_path / "old"), identity(tmp_path / "new")
    link = tmp_path / "live"
    link.symlink_to("old")
    pair, stamps = Pair(link / "certificate.pem", link / "key.pem"), set()
    stamps.add(pair.stamp())
    subprocess.run(["touch", "-r", str(old.key), str(tmp_path / "times")], check=True)
    old.key.write_bytes(old.key.read_bytes())
    subprocess.run(["touch", "-r", str(tmp_path / "times"), str(old.key)], check=True)
    stamps.add(pair.stamp())
    (tmp_path / "copy").write_bytes(old.key.read_bytes())
    (tmp_path / "copy").rename(old.key)
    stamps.add(pair.stamp())
    (tmp_path / "other").symlink_to("new")
    (tmp_path / "other").rename(link)
    stamps.add(pair.stamp())
    assert len(stamps) == 4
    assert Pair(new.certificate, new.key).stamp() in stamps


def test_a_key_in_the_form_of_old(tmp_path: Path) -> None:
    """PKCS #1 with its own encryption, whose mark stands in a header."""
    made = identity(tmp_path)
    lock, form = serialization.BestAvailableEncryption(b"old"), serialization.PrivateFormat.TraditionalOpenSSL
    key = rsa.generate_private_key(65537, 2048)
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
    assert ("tls-key-encrypted", "key.pem") == problem_of(Pair(made.certificate, made.key))
    assert ("tls-pair-mismatch", "key.pem") == problem_of(Pair(made.certificate, made.key, "old"))


GET = message("GET", "/any/tiny.txt")


def secure(place: Built, made: Identity, lane: str = "fast", limits: ServerLimits | None = None) -> ServerSettings:
    """Return settings with a certificate."""
    return replace(settings(place.root, place.state, lane, limits), pair=Pair(made.certificate, made.key))


def unchecked() -> ssl.SSLContext:
    """Return the context of a client that believes anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def serial(served: Served) -> int:
    """Return which certificate a new connection gets."""
    with socket.create_connection(served.address, PATIENCE) as plain, unchecked().wrap_socket(plain) as client:
        presented = client.getpeercert(binary_form=True)
    assert presented
    return x509.load_der_x509_certificate(presented).serial_number


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("workers", [1, 2])
def test_files_small_and_large_come_whole(built: Built, tmp_path: Path, lane: str, workers: int) -> None:
    """The fast lane can't use sendfile here."""
    made = identity(tmp_path)
    wanted = replace(secure(built, made, lane), workers=workers)
    with serving(wanted, tmp_path / "log.txt") as served:
        with Connection(served.address, PATIENCE, made.client()) as client:
            for path, content in (("tiny.txt", tree.TINY), ("large.woff2", tree.LARGE), ("tiny.txt", tree.TINY)):
                for _ in range(3):
                    assert content == client.exchange(message("GET", f"/any/{path}")).body
        served.terminate()
        assert served.ended() == 0
    assert "Traceback" not in served.told()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate that stays."""
    return identity(tmp_path_factory.mktemp("tls"))


def negotiated(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Shake hands without a network; gives the cipher."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(back, there, server_hostname="localhost"), server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    cipher = ends[0].cipher()
    assert cipher
    return cipher[0]


@pytest.mark.parametrize(
    ("wanted", "found"), [("ECDHE+CHACHA20:ECDHE+AESGCM", "CHACHA20"), ("ECDHE+AESGCM:ECDHE+CHACHA20", "GCM")]
)
def test_the_order_of_the_clients_ciphers_counts(made: Identity, wanted: str, found: str) -> None:
    client = made.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(wanted)
    server = CertificateFiles(Pair(made.certificate, made.key), ["http/1.1"]).context
    assert found in negotiated(server, client)


def test_what_is_negotiated(built: Built, made: Identity, tmp_path: Path) -> None:
    """RFC 9325 §3.1.1, §4.2: TLS 1.2 with forward secrecy at the least."""
    with serving(secure(built, made), tmp_path / "log.txt") as served:
        found = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = made.client("h2", "http/1.1")
            context.minimum_version = context.maximum_version = version
            plain = socket.create_connection(served.address, PATIENCE)
            with context.wrap_socket(plain, server_hostname="localhost") as client:
                found.append((client.version(), client.selected_alpn_protocol()))
                cipher = client.cipher()
            assert cipher
            assert {"GCM", "CHACHA20"} & set(cipher[0].replace("_", "-").split("-"))
        assert [("TLSv1.2", "http/1.1"), ("TLSv1.3", "http/1.1")] == found
        weak = made.client()
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("AES128-SHA:AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA")
        with socket.create_connection(served.address, PATIENCE) as plain, pytest.raises(ssl.SSLError):
            weak.wrap_socket(plain, server_hostname="localhost")
        with Connection(served.address, PATIENCE, made.client()) as client:
            assert client.exchange(GET).status == 200
    assert "Traceback" not in served.told()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_renewed_certificate_is_for_new_connections(few: Built, tmp_path: Path, workers: int) -> None:
    """As certbot does it: links that lead elsewhere; and SIGHUP does no harm."""
    first, second = identity(tmp_path / "1"), identity(tmp_path / "2")
    live = tmp_path / "live"
    live.symlink_to("1")
    wanted = replace(secure(few, first), workers=workers, pair=Pair(live / "certificate.pem", live / "key.pem"))
    with serving(wanted, tmp_path / "log.txt") as served:
        assert {first.serial} == {serial(served) for _ in range(10)}
        with Connection(served.address, PATIENCE, first.client()) as old:
            assert old.exchange(GET).status == 200
            (tmp_path / "next").symlink_to("2")
            (tmp_path / "next").rename(live)
            served.process.send_signal(signal.SIGHUP)
            assert eventually(lambda: {second.serial} == {serial(served) for _ in range(10)})
            assert old.exchange(GET).status == 200
        with Connection(served.address, PATIENCE, second.client()) as new:
            assert new.exchange(GET).status == 200
    # What workers tell goes where the command line leads it.
    assert served.told().count("the new certificate is in use") == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_pair_is_refused_and_the_old_one_goes_on(few: Built, tmp_path: Path, workers: int) -> None:
    first, other = identity(tmp_path / "1"), identity(tmp_path / "2")
    with serving(replace(secure(few, first), workers=workers), tmp_path / "log.txt") as served:
        other.key.rename(first.key)
        assert eventually(lambda: "the certificate before stays in use" in served.told())
        assert served.told().count("[tls-pair-mismatch]") == 1
        assert {first.serial} == {serial(served) for _ in range(10)}
        other.certificate.rename(first.certificate)
        assert eventually(lambda: {other.serial} == {serial(served) for _ in range(10)})
    assert "Traceback" not in served.told()


def _certificate(made: Identity) -> CertificateFiles:
    return CertificateFiles(Pair(made.certificate, made.key), ["http/1.1"])


def test_a_change_is_taken_up_once_it_has_settled(tmp_path: Path) -> None:
    """Two files are seldom written at the same time."""
    certificate = _certificate(identity(tmp_path))
    before = certificate.context
    assert not certificate.renew()
    made = identity(tmp_path, lasts=timedelta(days=99))
    assert [False, True, False] == [certificate.renew() for _ in range(3)]
    assert certificate.context is not before
    made.key.unlink()
    assert not certificate.renew()
    with pytest.raises(ConfigurationError, match="tls-file-unreadable"):
        certificate.renew()
    assert [False, False] == [certificate.renew() for _ in range(2)]
    identity(tmp_path)
    assert [False, True] == [certificate.renew() for _ in range(2)]


def test_a_key_that_openssl_finds_too_weak(tmp_path: Path) -> None:
    made = identity(tmp_path, weak=True)
    with pytest.raises(ConfigurationError, match="tls-pair-refused"):
        _certificate(made)


def test_a_renewed_certificate_that_has_expired_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate = _certificate(identity(tmp_path))
    identity(tmp_path, starts=timedelta(days=-9), lasts=timedelta(days=1))

    async def look() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(keep_renewing(certificate, stop, logs=True))
        assert await until(lambda: bool(certificate.warnings))
        stop.set()
        await task

    with caplog.at_level(logging.INFO, "cdnserve"):
        asyncio.run(look())
    assert ["tls-certificate-expired" in record.getMessage() for record in caplog.records] == [True, False]


@pytest.mark.parametrize("lane", LANES)
def test_a_slow_handshake_is_cut(built: Built, made: Identity, tmp_path: Path, lane: str) -> None:
    """It counts among the connections, and the limit is that of a request's head."""
    limits = ServerLimits(head_seconds=2, connections=3)
    with serving(secure(built, made, lane, limits), tmp_path / "log.txt") as served, ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(served.address, PATIENCE)) for _ in range(3)]
        slow[0].sendall(b"\x16\x03\x01\x02\x00\x01")
        with pytest.raises(OSError), Connection(served.address, PATIENCE, made.client()):  # noqa: PT011
            pass
        assert [b"", b"", b""] == [_end(client) for client in slow]
        with Connection(served.address, PATIENCE, made.client()) as client:
            assert client.exchange(GET).status == 200
    assert "Traceback" not in served.told()


def _end(client: socket.socket) -> bytes:
    try:
        return client.recv(100)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("lane", LANES)
def test_what_is_no_handshake_is_counted_and_harms_nobody(
    built: Built, made: Identity, tmp_path: Path, lane: str
) -> None:
    with serving(replace(secure(built, made, lane), admin_port=0), tmp_path / "log.txt") as served:
        for octets in (
            GET,
            os.urandom(200),
            b"\x16\x03\x01\xff\xff" + bytes(70_000),
            b"",
            b"\x15\x03\x01\x00\x02\x02\x28",
        ):
            with socket.create_connection(served.address, PATIENCE) as client:
                client.sendall(octets)
                client.shutdown(socket.SHUT_WR)
                while _end(client):
                    pass
        with Connection(served.address, PATIENCE, made.client()) as client:
            assert client.exchange(GET).status == 200
        accepted = value(scrape(admin_address(served)), "cdnserve_connections_accepted_total")
        log = [line for line in served.told().splitlines() if not line.startswith("INFO")]
    assert (6, []) == (accepted, log)


def test_octets_behind_the_handshake_are_not_lost(built: Built, made: Identity, tmp_path: Path) -> None:
    """A request in the same segment as the end of the handshake, many times, for there is a race to be lost."""
    with serving(secure(built, made), tmp_path / "log.txt") as served:
        for _ in range(200):
            assert _in_one_segment(served.address, made) == 200


def _in_one_segment(address: tuple[str, int], made: Identity) -> int:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = made.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(address, PATIENCE) as plain:
        while True:
            try:
                client.do_handshake()
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
            else:
                break
        client.write(GET)
        plain.sendall(outgoing.read())
        while True:
            try:
                return int(client.read(4096)[9:12])
            except ssl.SSLWantReadError:
                incoming.write(plain.recv(65536))


@pytest.mark.parametrize("lane", LANES)
def test_a_handshake_under_way_as_the_server_ends(built: Built, made: Identity, lane: str) -> None:
    """It comes to its end, and the request behind it gets its answer; who says no more is cut a moment later."""

    async def run() -> None:
        room = Room(built)
        protocol = partial(FastConnection if lane == "fast" else AsgiConnection, room.worker)
        files = CertificateFiles(Pair(made.certificate, made.key), ["http/1.1"])
        tls = TlsContext(room.worker, files, {"http/1.1": protocol})

        def begin() -> tuple[Handshake, Tape, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
            handshake, tape = Handshake(tls, **room.uvicorn), Tape()
            handshake.connection_made(tape)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = made.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            handshake.data_received(outgoing.read())
            handshake.shutdown()
            return handshake, tape, client, incoming, outgoing

        def read() -> bool:
            incoming.write(tape.written)
            tape.written = b""
            with suppress(ssl.SSLWantReadError):
                answer.append(client.read(4096))
            return b"".join(answer).endswith(tree.TINY)

        answer: list[bytes] = []
        async with room.serving():
            handshake, tape, client, incoming, outgoing = begin()
            silent, its_tape, *_ = begin()
            room.worker.close()
            incoming.write(tape.written)
            tape.written = b""
            client.do_handshake()
            client.write(GET)
            handshake.data_received(outgoing.read())
            assert await until(read)
        assert b"connection: close\r\n" in b"".join(answer)
        room.pass_time(silent, 1)
        assert its_tape.deeds == ["abort"]

    asyncio.run(run())


def test_the_drain_ends_handshakes_and_finishes_responses(built: Built, made: Identity, tmp_path: Path) -> None:
    with serving(secure(built, made), tmp_path / "log.txt") as served, ExitStack() as stack:
        half = stack.enter_context(socket.create_connection(served.address, PATIENCE))
        reader = stack.enter_context(Connection(served.address, PATIENCE, made.client()))
        reader.send(message("GET", "/any/huge.woff2"))
        served.terminate()
        assert b"" == _end(half)
        assert tree.HUGE == reader.receive().body
        assert served.ended() == 0
    assert "Traceback" not in served.told()

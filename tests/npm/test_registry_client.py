"""Certificates, proxies, and the threads that wait for an answer."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.npm.download import Buffer, Download, RegistryClient
from cdnserve.npm.registry import (
    HttpUrl,
    Registry,
    http_client,
    is_excepted,
    parse_address,
    proxy_for,
    trusted_certificates,
)
from cdnserve.npm.settings import NpmSettings
from tests.npm.registry import Answer, LocalRegistry, serving, settings_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and npm.invalid that nobody in the world trusts."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed, and makes the certificate")
    folder = tmp_path_factory.mktemp("authority")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:npm.invalid",
        "-addext",
        "keyUsage=digitalSignature,keyCertSign",
    ]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def secure(authority: Path) -> Iterator[LocalRegistry]:
    def wrap(server: ThreadingHTTPServer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority / "certificate.pem", authority / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    with serving(wrap) as running:
        yield running


def _wanted(address: HttpUrl, token: str = "") -> Download:
    configuration = {f"//{address.authority}/:_authToken": token} if token else {}
    return Download("the file", address, Registry(address.join("/"), configuration), 1000)


def _fetch(settings: NpmSettings, url: str, configuration: dict[str, str], token: str = "") -> bytes:
    connections, sink = http_client(settings, configuration), Buffer()
    try:
        RegistryClient(connections, settings).fetch(_wanted(parse_address(url), token), sink)
    finally:
        connections.close()
    return sink.data


def test_a_certificate_that_nobody_knows_is_refused(tmp_path: Path, secure: LocalRegistry) -> None:
    url = secure.answer("/x", Answer(body=b"data"))
    with pytest.raises(ConfigurationError) as raised:
        _fetch(settings_for(tmp_path), url, {}, "secret")
    (problem,) = raised.value.problems
    assert "registry-certificate" == problem.reference
    assert "cafile" in problem.hint
    assert [] == secure.asked


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        pytest.param("", "cafile", id="npm's cafile"),
        pytest.param("", "ca", id="npm's ca"),
        pytest.param("SSL_CERT_FILE", "", id="SSL_CERT_FILE"),
        pytest.param("NODE_EXTRA_CA_CERTS", "", id="NODE_EXTRA_CA_CERTS"),
    ],
)
def test_an_authority_of_ones_own(
    tmp_path: Path, secure: LocalRegistry, authority: Path, variable: str, key: str
) -> None:
    certificate = authority / "certificate.pem"
    configuration = {key: certificate.read_text() if key == "ca" else str(certificate)} if key else {}
    environment = {variable: str(certificate)} if variable else {}
    url = secure.answer("/x", Answer(body=b"data"))
    assert b"data" == _fetch(settings_for(tmp_path, "", environment), url, configuration, "secret")
    assert ["Bearer secret"] == [asked.authorization for asked in secure.asked]


def test_an_authority_in_a_folder(tmp_path: Path, secure: LocalRegistry, authority: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(authority / "certificate.pem", folder)
    subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
    url = secure.answer("/x", Answer(body=b"data"))
    assert b"data" == _fetch(settings_for(tmp_path, "", {"SSL_CERT_DIR": str(folder)}), url, {})


@pytest.mark.parametrize(
    ("environment", "configuration"),
    [
        pytest.param({}, {"cafile": "/absent"}, id="an absent cafile"),
        pytest.param({"SSL_CERT_FILE": "/absent"}, {}, id="an absent SSL_CERT_FILE"),
        pytest.param({"NODE_EXTRA_CA_CERTS": "/absent"}, {}, id="absent extra ones"),
        pytest.param({"SSL_CERT_FILE": "/dev/null"}, {}, id="an empty file"),
        pytest.param({}, {"ca": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"}, id="a damaged ca"),
    ],
)
def test_certificates_that_cannot_be_read(
    tmp_path: Path, environment: dict[str, str], configuration: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        trusted_certificates(settings_for(tmp_path, "", environment), configuration)
    assert ["certificates-unreadable"] == [problem.reference for problem in raised.value.problems]


def test_the_system_is_trusted_by_default(tmp_path: Path) -> None:
    context = trusted_certificates(settings_for(tmp_path), {"strict-ssl": "false"})
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


def test_a_redirect_from_https_to_http_is_not_followed(
    tmp_path: Path, secure: LocalRegistry, elsewhere: LocalRegistry, authority: Path
) -> None:
    far = elsewhere.answer("/y", Answer(body=b"data"))
    url = secure.answer("/x", Answer(302, fields={"Location": far}))
    with pytest.raises(ConfigurationError, match="from https to http") as raised:
        _fetch(settings_for(tmp_path), url, {"cafile": str(authority / "certificate.pem")}, "secret")
    assert ["registry-redirect"] == [problem.reference for problem in raised.value.problems]
    assert [] == elsewhere.asked


def test_a_body_over_tls_that_drips_is_given_up(tmp_path: Path, secure: LocalRegistry, authority: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not secure.closing.wait(0.02):
            handler.wfile.write(b"x")

    settings = settings_for(tmp_path)
    settings = replace(settings, limits=replace(settings.limits, exchange=1.0, attempts=1))
    url = secure.answer("/x", Answer(fields={"Content-Length": "999"}, write=drip))
    with pytest.raises(ConfigurationError, match="it takes too long"):
        _fetch(settings, url, {"cafile": str(authority / "certificate.pem")})


def test_a_proxy_is_used_and_gets_its_own_credentials_only(tmp_path: Path, elsewhere: LocalRegistry) -> None:
    elsewhere.answer("http://npm.invalid/x", Answer(body=b"data"))
    proxy = elsewhere.url.replace("//", "//us%40er:pass@")
    settings = settings_for(tmp_path, "", {"HTTP_PROXY": proxy})
    assert b"data" == _fetch(settings, "http://npm.invalid/x", {}, "secret")
    (asked,) = elsewhere.asked
    assert "Basic dXNAZXI6cGFzcw==" == asked.fields["proxy-authorization"]
    assert asked.authorization is None


@contextmanager
def _tunnel(port: int, interim: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that leads one CONNECT to a port of this machine, wherever it was meant to go."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    heads: list[bytes] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            while not b"".join(heads).endswith(b"\r\n\r\n"):
                heads.append(client.recv(2**16))
            client.sendall(interim + b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://user:pass@127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        thread.join(20)
        listener.close()


def test_a_proxy_in_front_of_https_sees_nothing_of_the_token(
    tmp_path: Path, secure: LocalRegistry, authority: Path
) -> None:
    secure.answer("/x", Answer(body=b"data"))
    configuration = {"cafile": str(authority / "certificate.pem")}
    with _tunnel(int(secure.authority.rpartition(":")[2])) as (proxy, heads):
        settings = settings_for(tmp_path, "", {"HTTPS_PROXY": proxy})
        assert b"data" == _fetch(settings, "https://npm.invalid/x", configuration, "secret")
    head = b"".join(heads)
    assert head.startswith(b"CONNECT npm.invalid:443 HTTP/1.")
    assert b"Basic dXNlcjpwYXNz" in head
    assert b"secret" not in head
    assert ["Bearer secret"] == [asked.authorization for asked in secure.asked]


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="100 (Continue)"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", id="two others"),
    ],
)
def test_an_interim_response_to_connect_is_not_the_answer(
    tmp_path: Path, secure: LocalRegistry, authority: Path, interim: bytes
) -> None:
    """RFC 9110 §15.2: the final response follows, as it does to every other request."""
    secure.answer("/x", Answer(body=b"data"))
    configuration = {"cafile": str(authority / "certificate.pem")}
    with _tunnel(int(secure.authority.rpartition(":")[2]), interim) as (proxy, _):
        settings = settings_for(tmp_path, "", {"HTTPS_PROXY": proxy})
        assert b"data" == _fetch(settings, "https://npm.invalid/x", configuration)


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param("ftp://secret@p.example:21", id="another scheme"),
        pytest.param("http://[secret", id="nonsense"),
        pytest.param("http://", id="no host"),
    ],
)
def test_a_wrong_proxy_is_refused_and_not_repeated(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _fetch(settings_for(tmp_path, "", {"HTTP_PROXY": proxy}), "http://npm.invalid/x", {})
    assert ["proxy-address"] == [problem.reference for problem in raised.value.problems]
    assert "secret" not in str(raised.value)


P, Q = "http://p.example:3128", "http://q.example:3128"


@pytest.mark.parametrize(
    ("text", "environment", "configuration", "expected"),
    [
        pytest.param("https://a.example/", {}, {}, None, id="none is named"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {}, P, id="HTTPS_PROXY"),
        pytest.param("https://a.example/", {"https_proxy": P, "HTTPS_PROXY": Q}, {}, P, id="lower case is stronger"),
        pytest.param("https://a.example/", {"HTTP_PROXY": P}, {}, None, id="HTTP_PROXY is not for https"),
        pytest.param("http://a.example/", {"HTTP_PROXY": P}, {}, P, id="HTTP_PROXY is for http"),
        pytest.param("https://a.example/", {"ALL_PROXY": P}, {}, P, id="ALL_PROXY"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"https-proxy": Q}, Q, id="npm's own is stronger"),
        pytest.param("https://a.example/", {}, {"proxy": Q}, Q, id="npm's proxy serves https too"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"https-proxy": "null"}, P, id="npm's null is none"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P, "NO_PROXY": ".example"}, {}, None, id="NO_PROXY"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"noproxy": "a.example"}, None, id="npm's noproxy"),
        pytest.param("http://127.0.0.1:1/", {"HTTP_PROXY": P}, {}, None, id="loopback never"),
    ],
)
def test_proxy_for(text: str, environment: dict[str, str], configuration: dict[str, str], expected: str | None) -> None:
    assert expected == proxy_for(parse_address(text), environment, configuration)


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("*", True, id="everything"),
        pytest.param("b.a.example", True, id="the host"),
        pytest.param("a.example", True, id="the domain above"),
        pytest.param(".a.example", True, id="a leading dot"),
        pytest.param("*.a.example", True, id="a leading star"),
        pytest.param("A.EXAMPLE", True, id="capitals"),
        pytest.param("x.example, a.example", True, id="a list with commas"),
        pytest.param("x.example a.example", True, id="a list with spaces"),
        pytest.param("a.example:8443", True, id="the right port"),
        pytest.param("a.example:443", False, id="another port"),
        pytest.param("example.a", False, id="another host"),
        pytest.param("ba.example", False, id="a name that only ends alike"),
    ],
)
def test_is_excepted(exceptions: str, expected: bool) -> None:
    assert expected == is_excepted(parse_address("https://b.a.example:8443/"), exceptions)

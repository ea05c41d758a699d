"""Walking: which paths are asked for, how, of whom, and what happens where nobody answers."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.verify.client import ClientOptions, EdgeClient, NoAnswer, parse_target
from cdnserve.verify.run import Choice, _Walk, verify
from tests.release.roots import plant
from tests.server.serving import Served
from tests.verify import sins
from tests.verify.conftest import FILES, MANIFEST, base
from tests.verify.edge import Asked, Forward, Got, edge
from tests.verify.scenarios.test_verify import found, report

PATHS = [f"{letter}/{number:02}.js" for letter in "ab" for number in range(50)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param(Choice(), 100, id="all"),
        pytest.param(Choice(("a/**",)), 50, id="those that match"),
        pytest.param(Choice(("a/**", "b/0?.js")), 60, id="those that match either glob"),
        pytest.param(Choice(number=7), 7, id="so many"),
        pytest.param(Choice(number=700), 100, id="more than there are"),
        pytest.param(Choice(per_cent=10), 10, id="per cent"),
        pytest.param(Choice(per_cent=0.1), 1, id="less than one"),
        pytest.param(Choice(("a/**",), per_cent=50), 25, id="per cent of those that match"),
        pytest.param(Choice(("c/**",), per_cent=50), 0, id="none"),
    ],
)
def test_how_many_paths_are_chosen(choice: Choice, expected: int) -> None:
    chosen = choice.choose(PATHS)
    assert expected == len(chosen) == len(set(chosen))
    assert [*sorted(chosen, key=PATHS.index)] == chosen


def test_a_seed_chooses_the_same_paths_again() -> None:
    chosen = Choice(number=9, seed=3).choose(PATHS)
    assert chosen == Choice(number=9, seed=3).choose(PATHS)
    assert chosen != Choice(number=9, seed=4).choose(PATHS)


def problem(url: str, store: Store, choice: Choice | None = None, manner: ClientOptions | None = None) -> Problem:
    with pytest.raises(ConfigurationError) as told:
        verify(parse_target(url), store, choice or Choice(), manner or ClientOptions(), lambda _, __: None)
    (one,) = told.value.problems
    return one


def test_where_nothing_listens_that_is_told_at_once(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    told = problem(base(address), store)
    assert ("edge-unreachable", "the host takes no connection", base(address)) == (
        told.reference,
        told.message,
        told.where,
    )


def test_a_host_without_an_address(store: Store) -> None:
    assert "the host's name has no address" == problem("http://no.such.host.invalid", store).message


def test_a_server_that_says_nonsense(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def talk() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"\x00\x01 no HTTP at all\r\n\r\n")

        talking = threading.Thread(target=talk)
        talking.start()
        told = problem(base(server.getsockname()), store)
        talking.join(20)
    assert ("edge-unreachable", "the connection broke off") == (told.reference, told.message)


def test_no_release_and_no_path(store: Store, server: Served, tmp_path: Path) -> None:
    url = base(server.address)
    assert "release-missing" == problem(url, Store(tmp_path)).reference
    assert "verify-nothing" == problem(url, store, Choice(("nothing/**",))).reference
    build(plant(tmp_path / "root", {}, MANIFEST), tmp_path / "empty")
    assert "verify-nothing" == problem(url, Store(tmp_path / "empty")).reference


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("cdn.example.com", id="no scheme"),
        pytest.param("ftp://cdn.example.com", id="another scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://user:secret@cdn.example.com", id="a user"),
        pytest.param("https://cdn.example.com/?a", id="a query"),
        pytest.param("https://cdn.example.com/#a", id="a fragment"),
        pytest.param("https://cdn.example.com:99999", id="a port that is none"),
        pytest.param("https://[::1", id="half an address"),
        pytest.param("https://bücher.example", id="letters beyond ASCII"),
    ],
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="edge-url"):
        parse_target(url)


def test_a_target_in_its_parts() -> None:
    target = parse_target("https://CDN.example.com:8443/cdn/", "[::1]:9000")
    assert ("https://cdn.example.com:8443/cdn", "cdn.example.com:8443") == (target.url, target.authority)
    assert ("::1", 9000) == (target.address, target.address_port)
    assert ("http://[::1]", "::1", 80) == ((local := parse_target("http://[::1]")).url, local.address, local.port)


def test_below_a_prefix_with_a_field_of_ones_own(store: Store, server: Served) -> None:
    """As a staging host has it."""
    hosts, fields = set(), set()

    def staged(asked: Asked, forward: Forward) -> Got:
        hosts.add(asked.fields["host"])
        fields.add(asked.fields.get("x-staging"))
        assert asked.target.startswith("/cdn/")
        return forward(Asked(asked.method, asked.target.removeprefix("/cdn"), asked.fields))

    with edge(server.address, staged) as authority:
        target = parse_target("http://staging.example/cdn", authority)
        done = verify(target, store, Choice(), ClientOptions((("X-Staging", "yes"),)), lambda _, __: None)
    assert {} == found(done)
    assert ({"staging.example"}, {"yes"}) == (hosts, fields)


def test_progress_is_told_for_each_path(store: Store, server: Served) -> None:
    heard: list[tuple[int, int]] = []
    target = parse_target(base(server.address))
    verify(target, store, Choice(number=5), ClientOptions(concurrency=2), lambda *at: heard.append(at))
    assert [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)] == heard


def test_an_edge_that_breaks_off_now_and_then(store: Store, server: Served) -> None:
    """What has no answer is a finding, and the rest is verified all the same."""

    def breaking(asked: Asked, forward: Forward) -> Got:
        got = forward(asked)
        if asked.target == "/any/short.txt":
            raise ConnectionAbortedError
        return got

    with edge(server.address, breaking) as authority:
        done = found(report(f"http://{authority}", store))
    assert {"no-answer"} == set(done)
    assert {"any/short.txt"} == {path for path, _, _ in done["no-answer"]}


def test_an_endless_answer_is_cut(store: Store, server: Served) -> None:
    """No more is read than twice the largest representation and a little."""

    def endless(asked: Asked, forward: Forward) -> Got:
        got = forward(asked)
        if asked.target != "/any/short.txt" or asked.method != "GET" or got.status != 200:
            return got
        return Got(200, got.fields, got.body + bytes(4 << 20))

    with edge(server.address, endless) as authority:
        done = found(report(f"http://{authority}", store, Choice(("any/short.txt",))))
    assert {"content-changed"} == set(done)


def test_several_findings_are_grouped(store: Store, server: Served) -> None:
    with edge(server.address, sins.weakening) as authority:
        (group,) = report(f"http://{authority}", store).groups
    assert ("etag-weakened", 12, 5) == (group.reference, group.paths, len(group.examples))
    assert group.answers > 60
    assert 5 == len({example.path for example in group.examples})


def test_aliases_are_asked_for(store: Store, server: Served) -> None:
    asked_for = set()

    def noting(asked: Asked, forward: Forward) -> Got:
        asked_for.add(asked.target)
        return forward(asked)

    with edge(server.address, noting) as authority:
        assert {} == found(report(f"http://{authority}", store, Choice(number=1)))
    assert "/npm/lib@1/lib.js" in asked_for or "/npm/lib@1/package.json" in asked_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for cdn.invalid that nobody in the world trusts."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed, and makes the certificate")
    folder = tmp_path_factory.mktemp("authority")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cdn.invalid"]
    command += ["-addext", "subjectAltName=DNS:cdn.invalid", "-keyout", str(folder / "key.pem")]
    subprocess.run([*command, "-out", str(folder / "certificate.pem")], check=True, capture_output=True)
    return folder


@pytest.fixture
def secure(authority: Path, server: Served) -> Iterator[str]:
    """An edge that speaks TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "certificate.pem", authority / "key.pem")
    wrap = partial(context.wrap_socket, server_side=True, do_handshake_on_connect=False)
    with edge(server.address, sins.honest, wrap) as place:
        yield place


def test_a_certificate_is_trusted_where_one_says_so(store: Store, secure: str, authority: Path) -> None:
    target = parse_target("https://cdn.invalid", secure)
    for manner in (ClientOptions(ca=str(authority / "certificate.pem")), ClientOptions(insecure=True)):
        assert {} == found(verify(target, store, Choice(number=2), manner, lambda _, __: None))
    with pytest.raises(ConfigurationError, match="certificate is not trusted"):
        verify(target, store, Choice(number=2), ClientOptions(), lambda _, __: None)
    elsewhere = parse_target("https://other.invalid", secure)
    with pytest.raises(ConfigurationError, match="certificate is not trusted"):
        verify(elsewhere, store, Choice(), ClientOptions(ca=str(authority / "certificate.pem")), lambda _, __: None)


def test_certificates_that_can_not_be_read(store: Store, tmp_path: Path) -> None:
    told = problem("https://127.0.0.1:1", store, manner=ClientOptions(ca=str(tmp_path / "none.pem")))
    assert "certificates-unreadable" == told.reference


def test_the_site_is_as_the_tests_take_it(store: Store) -> None:
    assert {path for path in FILES if not path.startswith("drafts/")} == set(store.read().assets)


def test_a_path_that_drips_has_its_time_and_no_more(store: Store, server: Served) -> None:
    """Each answer alone would be in time: it is the sum that is bounded, and the rest is verified all the same."""
    ended = threading.Event()

    def dripping(asked: Asked, forward: Forward) -> Got:
        if asked.target == "/any/short.txt" and asked.method == "GET":
            ended.wait(60)
        return forward(asked)

    with edge(server.address, dripping) as authority:
        manner, choice = ClientOptions(timeout=1.0), Choice(("any/short.txt",))
        try:
            done = found(verify(parse_target(f"http://{authority}"), store, choice, manner, lambda _, __: None))
        finally:
            ended.set()
    assert ("any/short.txt", "more than 1 s for one path") in [(path, detail) for path, _, detail in done["too-slow"]]


def test_a_host_on_which_many_paths_drip_is_given_up(tmp_path: Path) -> None:
    """Each of all paths would take its time else."""
    root = plant(
        tmp_path / "root",
        {f"a/{number:02}.js": str(number) for number in range(40)},
        'schema = 1\n[[publish]]\npath = "a/**"\n',
    )
    build(root, tmp_path / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Walk, "_check_reachable", lambda *_: None)
        patch.setattr(EdgeClient, "ask", lambda *_: NoAnswer("late", is_final=True))
        told = problem("http://127.0.0.1:1", Store(tmp_path / "state"), manner=ClientOptions(concurrency=1))
    assert ("edge-too-slow", "16 paths took more than 600 s each, so the rest is not asked for") == (
        told.reference,
        told.message,
    )

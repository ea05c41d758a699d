"""Limits of a server as options."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.cli.serve_options import limit_options, listening_options, size, written
from cdnserve.server.settings import ServerLimits
from tests.certificates import identity
from tests.cli.conftest import FILES, Run
from tests.cli.processes import COMMAND, SECONDS, environment, run_in_pipe, serving
from tests.cli.test_serve import DIRECT


@click.command()
@limit_options
def command(**limits: int) -> None:
    """Print the limits."""
    click.echo(repr(ServerLimits(**limits)))


def limits(*arguments: str, **environment: str) -> str:
    """Return what a command hears."""
    result = CliRunner().invoke(command, arguments, env=environment)
    assert 0 == result.exit_code, result.output
    return result.output.strip()


def test_the_defaults_are_those_of_the_server() -> None:
    assert repr(ServerLimits()) == limits()


def test_every_limit_has_an_option() -> None:
    assert set(asdict(ServerLimits())) == {parameter.name for parameter in command.params}


def test_options_are_stronger_than_variables() -> None:
    assert repr(ServerLimits(head=1000)) == limits(CDNSERVE_HEAD_SIZE="1000")
    assert repr(ServerLimits(head=2000)) == limits("--head-size", "2000", CDNSERVE_HEAD_SIZE="1000")
    assert repr(ServerLimits(idle_seconds=5)) == limits(CDNSERVE_IDLE_SECONDS="5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", 0, id="none"),
        pytest.param("65536", 65_536, id="octets"),
        pytest.param("64KiB", 65_536, id="KiB"),
        pytest.param("64k", 65_536, id="k"),
        pytest.param("1 MB", 1_048_576, id="with a space"),
        pytest.param("2g", 2_147_483_648, id="g"),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert expected == size(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1TiB", "KiB", "1_000", "²", "9" * 5000])
def test_what_is_no_size_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        size(text)


@given(st.integers(0, 2**40))
def test_a_size_that_is_written_is_read_as_the_same(octets: int) -> None:
    assert octets == size(written(octets))


GREETING = FILES["demo/1.0.0/greet.js"].encode()


def test_over_tls(root: Path, tmp_path: Path) -> None:
    """The address says it, health is asked without further ado, and a renewal is told."""
    made = identity(tmp_path / "tls")
    options = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with serving("--port", "0", *options, "--workers", "2", cwd=root.parent) as server:
        url = server.stdout.until("").removeprefix("listening on ")
        assert re.fullmatch(r"https://127\.0\.0\.1:\d+", url)
        assert f'src="{url}/demo' in server.stdout.until("to try")
        handler = urllib.request.HTTPSHandler(context=made.client())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
        with opener.open(f"{url}/demo/1.0.0/greet.js", timeout=30) as response:
            assert GREETING == response.read()
        port = url.rpartition(":")[2]
        for place in ({"CDNSERVE_TLS_CERT": str(made.certificate), "CDNSERVE_PORT": port}, {}):
            asked = ("healthcheck", "--ready", *([] if place else [url]))
            result = run_in_pipe(*asked, cwd=root.parent, **place)
            assert (0, "release 1\n", "") == (result.returncode, result.stdout, result.stderr)
        identity(tmp_path / "tls")
        assert server.stderr.until("the new certificate is in use")
        made.key.write_text("broken")
        assert server.stderr.until("[tls-key-invalid]")
        assert server.stderr.until("the certificate before stays in use")
        assert 0 == server.stop(signal.SIGTERM)
        assert 1 == sum("[tls-key-invalid]" in line for line in server.stderr.rest())


@click.command()
@listening_options
def listen(listening: dict[str, object]) -> None:
    """Say whether HTTP/2 is spoken."""
    click.echo(listening["http2"])


@pytest.mark.parametrize(
    ("options", "is_installed", "spoken"),
    [
        pytest.param(["--tls-cert", "c"], True, True, id="nothing is said"),
        pytest.param(["--tls-cert", "c"], False, False, id="its parser is not there"),
        pytest.param(["--tls-cert", "c", "--no-http2"], True, False, id="not wanted"),
        pytest.param(["--tls-cert", "c", "--http2"], False, True, id="wanted, which is a problem"),
        pytest.param([], True, False, id="no TLS"),
    ],
)
def test_http_2_is_spoken_over_tls_where_its_parser_is_installed(
    monkeypatch: pytest.MonkeyPatch, options: list[str], is_installed: bool, spoken: bool
) -> None:
    monkeypatch.setattr("cdnserve.server.settings.find_spec", lambda _: object() if is_installed else None)
    result = CliRunner().invoke(listen, options)
    assert (0, f"{spoken}\n") == (result.exit_code, result.output)


def test_http_2(root: Path, tmp_path: Path) -> None:
    made = identity(tmp_path / "tls", password="secret")
    options = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with serving("--port", "0", *options, cwd=root.parent, CDNSERVE_TLS_KEY_PASSWORD="secret") as server:
        host, _, port = server.stdout.until("").removeprefix("listening on https://").rpartition(":")
        with made.client("h2", "http/1.1").wrap_socket(
            socket.create_connection((host, int(port)), SECONDS), server_hostname=host
        ) as client:
            assert "h2" == client.selected_alpn_protocol()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--http2"], "--http2 needs --tls-cert", id="HTTP/2 without TLS"),
        pytest.param(["--tls-key", "k"], "--tls-key needs --tls-cert", id="a key alone"),
        pytest.param(["--uds", "s", "--fd", "3"], "--uds and --fd", id="two sockets"),
        pytest.param(["--proxy-headers"], "--proxy-headers needs --trusted-proxies", id="nobody is trusted"),
        pytest.param(["--trusted-proxies", "example.com"], "--trusted-proxies", id="a name"),
        pytest.param(["--trusted-proxies", "10.0.0.1/8"], "--trusted-proxies", id="a network with host bits"),
        pytest.param(["--uds-mode", "9"], "--uds-mode", id="a mode of one digit"),
        pytest.param(["--uds-mode", "888"], "--uds-mode", id="no octal digits"),
        pytest.param(["--uds-mode", "4755"], "--uds-mode", id="a mode with more than permissions"),
    ],
)
def test_wrong_usage(run: Run, options: list[str], told: str) -> None:
    result = run("serve", *options)
    assert (2, "") == (result.exit_code, result.stdout)
    assert told in result.stderr


def test_no_start_without_its_certificate(root: Path) -> None:
    result = run_in_pipe("serve", "--port", "0", "--tls-cert", "nowhere.pem", cwd=root.parent)
    assert (1, "") == (result.returncode, result.stdout)
    assert "nowhere.pem: No such file or directory [tls-file-unreadable]" in result.stderr


def test_a_certificate_that_has_expired_is_a_warning(root: Path, tmp_path: Path) -> None:
    made = identity(tmp_path / "tls", starts=timedelta(days=-9), lasts=timedelta(days=1))
    options = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    with serving("--port", "0", *options, cwd=root.parent) as server:
        assert server.stderr.until("warning: the certificate has expired [tls-certificate-expired]")
        assert server.stdout.until("listening on https://")


@pytest.mark.parametrize("secure", [False, True])
def test_a_unix_socket(root: Path, tmp_path: Path, secure: bool) -> None:
    made, path = identity(tmp_path / "tls"), tmp_path / "socket"
    options = ["--uds", str(path), "--uds-mode", "600"]
    told = {"CDNSERVE_UDS": str(path)}
    if secure:
        options += ["--tls-cert", str(made.certificate), "--tls-key", str(made.key)]
        told["CDNSERVE_TLS_CERT"] = str(made.certificate)
    with serving(*options, cwd=root.parent) as server:
        assert f"listening on unix:{path}" == server.stdout.until("")
        server.stdout.until("7 public files")
        assert 0o600 == path.stat().st_mode & 0o777
        result = run_in_pipe("healthcheck", cwd=root.parent, **told)
        assert (0, "ok\n", "") == (result.returncode, result.stdout, result.stderr)
        assert 0 == server.stop(signal.SIGTERM)
        assert not any("to try" in line for line in server.stdout.rest())
    assert not path.exists()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Where a service manager listens to notices."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(SECONDS)
        yield listener


# What systemd does: the socket is descriptor 3, and LISTEN_PID is who is executed.
_ACTIVATE = 'exec 3<&"$0" && LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


@pytest.mark.parametrize("workers", ["1", "2"])
def test_socket_activation(root: Path, manager: socket.socket, workers: str) -> None:
    """The socket was there first; the manager hears that the server is ready, reloads and stops."""
    told = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "5000000", "CDNSERVE_WORKERS": workers}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = ["bash", "-c", _ACTIVATE, str(number), *COMMAND, "serve", "public"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, cwd=root.parent, env=environment(**told), pass_fds=(number,), **pipes)  # type: ignore[call-overload]
    with process:
        try:
            assert "READY=1" == _notice(manager)
            with DIRECT.open(f"http://127.0.0.1:{port}/own/page.txt", timeout=SECONDS) as response:
                assert b"ours alone\n" == response.read()
            process.send_signal(signal.SIGHUP)
            assert _notice(manager).startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert "READY=1" == _notice(manager)
            assert b"WATCHDOG=1" == manager.recv(200)
            process.send_signal(signal.SIGTERM)
            assert "STOPPING=1" == _notice(manager)
            output, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert (0, f"listening on http://127.0.0.1:{port}") == (process.returncode, output.decode().split("\n")[0])
    assert b"Traceback" not in errors


def _notice(manager: socket.socket) -> str:
    """Wait for a notice of something new."""
    while (told := manager.recv(200).decode()) == "WATCHDOG=1":
        pass
    return told

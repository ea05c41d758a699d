"""A certificate and its key: what is wrong with them is told before anybody tries a handshake."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cdnserve.errors import ConfigurationError
from cdnserve.server.pair import Pair, check, warnings
from tests.certificates import identity


def problem_of(pair: Pair) -> tuple[str, str]:
    """Give the one problem of a pair, and where it is."""
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

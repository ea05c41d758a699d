"""Purging: after a release or a rollback everybody gets the new answer, and nothing else is fetched again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cdnserve.origin.purge import purge
from cdnserve.release.history import roll_back
from tests.edges.conftest import Pair
from tests.edges.running import EVERYTHING, PATIENCE, SHIPPED, Edge, program
from tests.edges.site import APP, OTHER
from tests.edges.test_same_answers import seen
from tests.server.serving import eventually

CODINGS = ("br", "identity")


@dataclass(frozen=True, slots=True)
class Purging:
    """An edge that is a cache, and one way to purge it."""

    pair: Pair
    by_tag: bool

    def purge(self, paths: list[str], tags: list[str]) -> None:
        """Purge paths, or what has one of the tags."""
        self.pair.edge.purge(*(([], tags) if self.by_tag else (paths, [])))


# nginx knows no tags.
WAYS = [
    pytest.param(("nginx", False), id="nginx, by path"),
    pytest.param(("varnish", False), id="varnish, by path"),
    pytest.param(("varnish", True), id="varnish, by tag"),
]


@pytest.fixture(params=WAYS)
def purging(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Purging:
    """Every way."""
    name, by_tag = request.param
    return Purging(pairs(name), by_tag)


def agrees(pair: Pair, target: str) -> bool:
    """Return whether edge and origin server say the same of a target, to pages of both origins and in each coding."""
    asked = [(("Accept-Encoding", coding), ("Origin", origin)) for coding in CODINGS for origin in (APP, OTHER)]
    answers = [(seen(pair.edge.get(target, *ask)), seen(pair.origin.ask("GET", target, *ask))) for ask in asked]
    return all(got == expected for got, expected in answers)


SCENES = [
    pytest.param("/widgets/new-{n}.js", "widgets/new-{n}.js", "widgets/", id="a file of a cache policy"),
    pytest.param("/partners/new-{n}.js", "partners/new-{n}.js", "partners/", id="a file of an allow-list"),
    pytest.param("/purged/new-{n}.js", "purged/new-{n}.js", "purged/", id="a file that only a CDN may keep"),
    pytest.param("/npm/l{n}@1/x.js", "npm/l{n}@1.{m}.0/x.js", "l{n}", id="an alias"),
    pytest.param("/npm/l{n}/x.js", "npm/l{n}@1.{m}.0/x.js", "l{n}", id="an alias without a version"),
]


@pytest.mark.parametrize(("target", "path", "tag"), SCENES)
def test_a_purge_takes_a_404_a_file_and_a_rollback(
    purging: Purging, request: pytest.FixtureRequest, target: str, path: str, tag: str
) -> None:
    """Absent at first, then there, then changed, then as it was."""
    name = abs(hash(request.node.name)) % 10**6
    target, tag, pair = target.format(n=name), tag.format(n=name), purging.pair
    origin, edge = pair.origin, pair.edge
    assert agrees(pair, target)
    assert 404 == edge.get(target).status
    for number in (1, 2):
        origin.publish({path.format(n=name, m=number): f"export default {number}; // {name}\n" * 40})
        # Nobody told the edge.
        assert not agrees(pair, target)
        purging.purge([target], [tag])
        assert agrees(pair, target)
        assert edge.get(target).status in (200, 302)
    done = roll_back(origin.root, origin.state)
    origin.await_release(done.number)
    purging.purge([target], [tag])
    assert agrees(pair, target)


@pytest.mark.parametrize("name", ["nginx", "varnish"])
def test_the_shipped_purge_commands_take_what_publish_says(pairs: Callable[[str], Pair], name: str) -> None:
    """A 404, a file and an alias, from one document."""
    pair = pairs(name)
    targets = ["/widgets/shipped.js", "/npm/shipped@1/x.js", "/npm/shipped/x.js"]
    kept = "/npm/lib@1.2.0/lib.js"
    pair.edge.get(kept)
    for number in (1, 2):
        for target in targets:
            pair.edge.get(target)
        paths = {"widgets/shipped.js": f"export default {number};\n", f"npm/shipped@1.{number}.0/x.js": "export {};\n"}
        pair.origin.publish(paths)
        assert not agrees(pair, targets[0])
        asked = len(pair.origin.asked(kept))
        orders = purge(number + 1, number, list(paths), "https://cdn.example.com")
        told = subprocess.run(purge_command(pair.edge), input=orders.document(), check=False, timeout=PATIENCE)
        assert told.returncode == 0
        assert eventually(lambda: all(agrees(pair, target) for target in targets))
        pair.edge.get(kept)
        assert len(pair.origin.asked(kept)) == asked


def purge_command(edge: Edge) -> list[str]:
    """Return the shipped command of an edge."""
    command = [sys.executable, str(SHIPPED / f"purge-{edge.name}")]
    if edge.name == "varnish":
        return [*command, edge.url]
    reload = [program("nginx"), "-p", str(edge.folder), "-e", "stderr", "-c", str(edge.folder / "nginx.conf")]
    return [*command, str(edge.folder / "generations"), *reload, "-s", "reload"]


def test_what_is_validated_each_time_needs_no_purge(pair: Pair) -> None:
    target = "/pages/new.js"
    assert agrees(pair, "/pages/app.js")
    for number in (1, 2):
        pair.origin.publish({"pages/new.js": f"export default {number};\n" * 40})
        if number == 1 and pair.edge.name == "nginx":
            pair.edge.purge([target], ())
        assert agrees(pair, target)
    roll_back(pair.origin.root, pair.origin.state)
    assert eventually(lambda: b"default 1" in pair.origin.ask("GET", target).body)
    assert agrees(pair, target)


def test_a_purge_leaves_the_rest_alone(purging: Purging) -> None:
    """A tag is meant to the letter: neither 1x2.0, nor what only begins alike."""
    pair = purging.pair
    kept = ["/npm/lib@1.2.0/lib.js", "/npm/@acme/ui@2.0.0/ui.css", "/widgets/app.js"]
    for target in [*kept, "/own/page.txt"]:
        assert 200 == pair.edge.get(target).status
    before = {target: len(pair.origin.asked(target)) for target in kept}
    purging.purge(["/own/page.txt"], ["own/", "lib@1.2", "lib@1x2.0", "ib", "@acme/u.", "widgets", ".*", "(", "+", "$"])
    for target in [*kept, "/own/page.txt"]:
        assert 200 == pair.edge.get(target).status
    assert before == {target: len(pair.origin.asked(target)) for target in kept}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param((), 200, id="a path"),
        pytest.param((("Surrogate-Key", "@acme/ui@2.0.0"),), 200, id="a tag"),
        pytest.param((("Surrogate-Key", 'x" || req.url ~ .'),), 400, id="no tag"),
        pytest.param((("Surrogate-Key", "lib\\@1"),), 400, id="no tag either"),
        pytest.param((("X-Forwarded-For", "203.0.113.9"),), 403, id="through a proxy"),
    ],
)
def test_only_whom_we_trust_may_purge(
    pairs: Callable[[str], Pair], fields: tuple[tuple[str, str], ...], status: int
) -> None:
    assert status == pairs("varnish").edge.ask("PURGE", "/own/page.txt", *fields).status


def test_one_line_makes_nginx_forget_everything(pairs: Callable[[str], Pair]) -> None:
    pair, targets = pairs("nginx"), ["/npm/lib@1.2.0/lib.js", "/widgets/app.js"]
    counts = []
    for _ in range(2):
        assert [200, 200, 200, 200] == [pair.edge.get(target).status for target in targets * 2]
        counts.append([len(pair.origin.asked(target)) for target in targets])
        pair.edge.purge([EVERYTHING], ())
    before, after = counts
    assert [number + 1 for number in before] == after


def test_a_client_cannot_purge_nginx(pairs: Callable[[str], Pair]) -> None:
    pair = pairs("nginx")
    assert 200 == pair.edge.get("/widgets/page.html").status
    before = pair.origin.asked("/widgets/page.html")
    assert 405 == pair.edge.ask("PURGE", "/widgets/page.html").status
    for field in (("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("X-Accel-Expires", "0")):
        assert 200 == pair.edge.get("/widgets/page.html", field).status
    assert [*before, ("PURGE", 405)] == pair.origin.asked("/widgets/page.html")

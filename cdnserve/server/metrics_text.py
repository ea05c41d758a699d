"""The text of all metrics: Prometheus' format, or OpenMetrics where it is asked for; made once a second at most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from cdnserve.release.catalog import Catalog
from cdnserve.server.metrics_count import BOUNDS
from cdnserve.server.metrics_shared import Key, SharedMetrics
from cdnserve.version import running_version

_FRESH_SECONDS = 1.0
# What a scraper writes. prometheus_client repeats the version that it was asked for, and trips over what is none.
_PARAMETER = r" ?; ?(?:version=[0-9]\.[0-9]\.[0-9]|(?:q|charset|escaping)=[a-z0-9.-]{1,20})"
_ELEMENT = re.compile(rf" ?(?:text/plain|application/openmetrics-text)(?:{_PARAMETER}){{0,4}} ?", re.ASCII)
_LONGEST = 1000
_FORMATS = 8


class Exposition:
    """The text of all metrics in each format, kept for as long as it is fresh."""

    def __init__(self, shared: SharedMetrics) -> None:
        self._shared = shared
        self._kept: dict[str, tuple[float, bytes]] = {}

    def text(self, accept: str, catalog: Catalog | None) -> tuple[str, bytes]:
        """Return media type and content; the first time is slow, for it loads prometheus_client."""
        # Most servers are never asked, and none shall start later for it.
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

        encode, media_type = choose_encoder(acceptable(accept))
        made, content = self._kept.get(media_type, (0.0, b""))
        if not content or monotonic() - made >= _FRESH_SECONDS:
            content = encode(_Collector(self._shared, catalog))
            if len(self._kept) >= _FORMATS:
                self._kept.clear()
            self._kept[media_type] = (monotonic(), content)
        return media_type, content


def acceptable(accept: str) -> str:
    """Return what names a format in an Accept field.

    >>> acceptable("application/openmetrics-text; version=1.0.0; q=0.8, text/*, text/plain;version=x")
    'application/openmetrics-text; version=1.0.0; q=0.8'
    """
    return ",".join(filter(_ELEMENT.fullmatch, accept[:_LONGEST].split(",")))


class _Collector:
    def __init__(self, shared: SharedMetrics, catalog: Catalog | None) -> None:
        self._shared = shared
        self._catalog = catalog

    def collect(self) -> Iterator[Metric]:
        return families(self._shared.read(), self._catalog)


LABEL = "process"


def process_families(processes: Iterable[tuple[str, int]]) -> Iterator[Metric]:
    """Yield prometheus_client's families for each named process, told apart by a label."""
    families: dict[str, Metric] = {}
    for name, pid in processes:
        # The signature promises a text, but the annotation of the default doesn't.
        for family in ProcessCollector("cdnserve", str(pid).strip, registry=None).collect():
            merged = families.setdefault(family.name, family)
            samples = [sample._replace(labels={LABEL: name}) for sample in family.samples]
            merged.samples = samples if merged is family else merged.samples + samples
    yield from families.values()


Rows = Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class _Counted:
    """A counter that has a row for each set of labels."""

    row: str
    name: str
    text: str
    labels: tuple[str, ...] = ()


_BY_WORKERS = (
    _Counted("responses", "cdnserve_responses", "Responses.", ("status", "policy", "coding", "lane")),
    _Counted("octets", "cdnserve_response_content_bytes", "Content of responses.", ("policy", "coding")),
    _Counted("preflights", "cdnserve_preflights", "CORS-preflight requests answered.", ("policy", "outcome")),
    _Counted(
        "origin_refusals",
        "cdnserve_cors_refusals",
        "Responses to actual requests of an origin that the rule's policy does not allow.",
        ("rule", "policy"),
    ),
    _Counted("accepted", "cdnserve_connections_accepted", "Connections accepted."),
    _Counted("refused", "cdnserve_connections_refused", "Connections refused because there were too many."),
)
_BY_SUPERVISOR = (
    _Counted("builds", "cdnserve_builds", "Builds since the server started.", ("outcome",)),
    _Counted("damage", "cdnserve_damaged_blobs", "Stored files that the scrubber found damaged."),
    _Counted("restarts", "cdnserve_worker_restarts", "Workers that ended and were replaced."),
)


def families(blocks: list[dict[Key, float]], catalog: Catalog | None) -> Iterator[Metric]:
    """Yield all families; `blocks` begin with the supervisor's, and `catalog` is what the asked worker serves."""
    supervisor, workers = blocks[0], blocks[1:]
    together = Counter[Key]()
    for worker in workers:
        together.update(worker)
    yield InfoMetricFamily("cdnserve_version", "The running program.", {"version": running_version()})
    yield from _counters(_BY_WORKERS, together)
    yield _durations(together)
    yield _connections(together)
    yield from _counters(_BY_SUPERVISOR, supervisor)
    yield _gauge("cdnserve_build_failing", "1 if the last build failed.", supervisor.get(("build_failing",), 0))
    yield _gauge(
        "cdnserve_store_lost", "1 if a replica's store does not answer.", bool(supervisor.get(("store_lost",)))
    )
    yield _gauge("cdnserve_draining", "1 if the server is ending.", supervisor.get(("draining",), 0))
    yield _gauge("cdnserve_workers", "Workers that run.", sum(bool(worker.get(("pid",))) for worker in workers))
    yield from _release(workers)
    if catalog:
        yield from _catalog(catalog)
    yield from process_families(_processes(supervisor, workers))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counters(kinds: Iterable[_Counted], rows: Rows) -> Iterator[Metric]:
    for kind in kinds:
        family = CounterMetricFamily(kind.name, kind.text, labels=kind.labels)
        for key, value in sorted(rows.items()):
            if key[0] == kind.row:
                family.add_metric(key[1:], value)
        yield family


def _durations(rows: Rows) -> Metric:
    text = "From a request's whole head to the last octet of its response, of responses that were sent to the end."
    family = HistogramMetricFamily("cdnserve_response_duration_seconds", text, labels=["lane"])
    for lane in ("asgi", "fast"):
        buckets, total = [], 0.0
        for bound in (*map(str, BOUNDS), "+Inf"):
            total += rows.get(("duration", lane, bound), 0)
            buckets.append((bound, total))
        family.add_metric([lane], buckets, rows.get(("duration_sum", lane), 0))
    return family


def _connections(rows: Rows) -> Metric:
    family = GaugeMetricFamily(
        "cdnserve_connections", "Connections: active while a request is under way, else idle.", labels=["state"]
    )
    for state in ("active", "idle"):
        family.add_metric([state], rows.get(("connections", state), 0))
    return family


def _release(workers: list[dict[Key, float]]) -> Iterator[Metric]:
    """Yield the families of the release that was taken up last, the same whichever worker is asked."""
    running = [worker for worker in workers if worker.get(("loaded",))]
    newest: Rows = max(running, key=lambda worker: worker[("loaded",)], default={})
    number, loaded = newest.get(("release",), 0), newest.get(("loaded",), 0)
    behind = sum(worker[("release",)] != number for worker in running)
    yield _gauge("cdnserve_release_number", "The release that is served.", number)
    yield _gauge("cdnserve_release_made_timestamp_seconds", "When it was made.", newest.get(("made",), 0))
    yield _gauge("cdnserve_release_loaded_timestamp_seconds", "When it was taken up.", loaded)
    yield _gauge("cdnserve_workers_behind", "Workers that serve another release.", behind)


def _catalog(catalog: Catalog) -> Iterator[Metric]:
    yield _gauge("cdnserve_catalog_assets", "Public files of the release.", len(catalog.assets))
    sizes = Counter[str]()
    for asset in catalog.assets.values():
        for representation in asset.representations:
            sizes[representation.coding] += representation.size
    family = GaugeMetricFamily("cdnserve_catalog_bytes", "Content of the release by content coding.", labels=["coding"])
    for coding, size in sorted(sizes.items()):
        family.add_metric([coding], size)
    yield family


def _processes(supervisor: Rows, workers: list[dict[Key, float]]) -> Iterator[tuple[str, int]]:
    parent = int(supervisor.get(("pid",), 0))
    found = [(f"worker-{at}", int(rows.get(("pid",), 0))) for at, rows in enumerate(workers, 1)]
    if parent and parent not in dict(found).values():
        yield "parent", parent
    yield from ((name, pid) for name, pid in found if pid)

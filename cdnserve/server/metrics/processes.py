"""What the system says of the server's processes: CPU time, memory, descriptors.

Never fails where a process is gone, or where the system has no /proc: then there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

LABEL = "process"


def process_families(processes: Iterable[tuple[str, int]]) -> Iterator[Metric]:
    """Give prometheus_client's families for each named process, told apart by a label."""
    families: dict[str, Metric] = {}
    for name, pid in processes:
        # The signature promises a text, but the annotation of the default doesn't.
        for family in ProcessCollector("cdnserve", str(pid).strip, registry=None).collect():
            merged = families.setdefault(family.name, family)
            samples = [sample._replace(labels={LABEL: name}) for sample in family.samples]
            merged.samples = samples if merged is family else merged.samples + samples
    yield from families.values()

"""Private Network Access: granted by the policies that say so, to the origins that they list, and never else."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.browser import METHOD, NETWORK, refused
from tests.contract.edges import Edge


@pytest.mark.parametrize("value", ["true", " true "])
def test_a_private_network_is_granted_where_it_is_allowed(edge: Edge, value: str) -> None:
    """The answer is true, or nothing; and it may come whenever Vary says that it does."""
    fields = (("Origin", sites.ORIGIN), (METHOD, "GET"))
    response = edge.ask("OPTIONS", "/lan/app.js", *fields, (NETWORK, value))
    assert response.status == 204
    assert response["access-control-allow-private-network"] == "true"
    assert NETWORK.lower() in response.members("vary")
    without = edge.ask("OPTIONS", "/lan/app.js", *fields)
    assert without.get("access-control-allow-private-network") is None
    assert NETWORK.lower() in without.members("vary")


@pytest.mark.parametrize("value", ["false", "TRUE", "1", "", "true, true", "?1"])
def test_only_true_asks_for_a_private_network(edge: Edge, value: str) -> None:
    response = edge.ask("OPTIONS", "/lan/app.js", ("Origin", sites.ORIGIN), (METHOD, "GET"), (NETWORK, value))
    assert (response.status, response.get("access-control-allow-private-network")) == (204, None)


@pytest.mark.parametrize("folder", [folder for folder in sites.FOLDERS if folder != "lan"])
def test_a_private_network_is_ignored_elsewhere(edge: Edge, folder: str) -> None:
    fields = (("Origin", sites.ORIGIN), (METHOD, "GET"))
    plain, response = (edge.ask("OPTIONS", f"/{folder}/app.js", *fields, *more) for more in ((), ((NETWORK, "true"),)))
    assert plain.comparable() == response.comparable()
    assert response.get("access-control-allow-private-network") is None


def test_a_stranger_gets_no_private_network(edge: Edge) -> None:
    fields = (("Origin", sites.STRANGER), (METHOD, "GET"), (NETWORK, "true"))
    assert refused(edge.ask("OPTIONS", "/lan/app.js", *fields))

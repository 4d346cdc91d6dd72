"""Claims kept up to date one by one say what looking at all Triggers anew would say, and controller and activator agree."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from lambent.activator.admission.model import FunctionKey
from lambent.api.triggers.claims import Claim, HostClaims, claim_of
from lambent.api.triggers.grants import Grants, HostGrant
from lambent.api.triggers.hosts import Domains, why_granted_only, why_reserved
from lambent.api.triggers.trigger import Trigger, parse_trigger
from tests.support.gateway_world import GatewayWorld

HOSTS = ["", "api.example.com", "www.example.com", "example.com", "victim.a", "victim.a.svc"]
NAMESPACES = ["a", "b", "c"]
PATHS = ["/x", "/{p}", "/{rest+}", "/x/"]
METHODS: list[list[str]] = [[], ["ANY"], ["GET"], ["GET", "POST"]]


@st.composite
def triggers(draw: st.DrawFn) -> Trigger:
    metadata = {
        "name": draw(st.sampled_from(["t", "u", "v"])),
        "namespace": draw(st.sampled_from(NAMESPACES)),
        "creationTimestamp": draw(st.sampled_from(["1", "2", "3"])),
    }
    http = {"host": draw(st.sampled_from(HOSTS)), "path": draw(st.sampled_from(PATHS)), "methods": draw(st.sampled_from(METHODS))}
    return parse_trigger({"metadata": metadata, "spec": {"function": {"name": "f"}, "http": http, "enabled": draw(st.booleans())}})


GRANTS = st.lists(
    st.builds(
        HostGrant,
        st.just("g"),
        st.lists(st.sampled_from(["api.example.com", "*.example.com", "example.com", "*"]), min_size=1, max_size=2).map(tuple),
        st.sets(st.sampled_from(NAMESPACES)).map(frozenset),
    ),
    max_size=2,
)


def naive_served(left: list[Claim], granted: list[HostGrant]) -> set[tuple[str, str]]:
    """The Triggers whose requests are their own."""
    found = Grants(granted)

    def may(claim: Claim) -> bool:
        allowed = found.namespaces_for(claim.host)
        if claim.host and why_reserved(claim.host, Domains()):
            return False
        return claim.namespace in allowed if allowed is not None else not (claim.host and why_granted_only(claim.host, Domains()))

    served = set()
    for claim in left:
        owner = min((other for other in left if other.host == claim.host and may(other)), key=lambda other: other.age, default=None)
        older = [other for other in left if other.age < claim.age and other.collides_with(claim)]
        if may(claim) and owner is not None and owner.namespace == claim.namespace and not older:
            served.add(claim.trigger)
    return served


@given(st.lists(st.one_of(triggers(), GRANTS, st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(["t", "u", "v"]))), max_size=20))
def test_claims_changed_step_by_step_say_what_all_of_them_say(steps: list[Trigger | list[HostGrant] | tuple[str, str]]) -> None:
    world = GatewayWorld({})
    claims = HostClaims()
    left: dict[tuple[str, str], Claim] = {}
    granted: list[HostGrant] = []
    owners: dict[str, str | None] = dict.fromkeys(HOSTS)
    for step in steps:
        if isinstance(step, list):
            granted = step
            changed = claims.set_grants(step)
            world.configuration.replace_grants(step)
        elif isinstance(step, Trigger):
            claim = claim_of(step)
            name = (step.namespace, step.name)
            changed = claims.put(claim) if claim is not None else claims.drop(name)
            left.pop(name, None)
            if claim is not None:
                left[name] = claim
            world.configuration.put_trigger(step)
        else:
            changed = claims.drop(step)
            left.pop(step, None)
            world.configuration.remove_trigger(FunctionKey(*step))
        now = {host: claims.owner(host) for host in HOSTS}
        assert changed == {host for host in HOSTS if now[host] != owners[host]}
        owners = now
        assert {name for name, claim in left.items() if claims.refusal(claim) is None} == naive_served(list(left.values()), granted)

    table = world.gateway.table
    routed = dict(table.hosts) | ({"": table.anywhere} if table.anywhere is not None else {})
    assert set(routed) == {host for host, owner in owners.items() if owner is not None}
    for host, routes in routed.items():
        for method in ("GET", "POST", "PUT"):
            for path in ("/x", "/y", "/y/z"):
                match = routes.match(method, path)
                if match is not None:
                    assert tuple(match.route.trigger) in naive_served(list(left.values()), granted)
                    assert left[tuple(match.route.trigger)].host == host  # type: ignore[index]

"""What the accounts of controller, activator and autoscaler may write, and what not: each call is tried by a server-side dry run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lambent.api.functions.function import parse_function
from lambent.controller.resources.function import build_candidate, build_deployment, build_network_policy, build_service
from lambent.controller.resources.installation import Installation, RuntimeImage
from lambent.controller.resources.labels import child_metadata
from lambent.controller.resources.pool import build_pool_deployment
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import ApiError, KubeApi, path_of
from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.neighbors import start_neighbor
from tests.e2e.framework.warm_pool import POOL, fill_pool, generic_pods
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.waiting import wait_for

MERGE = "application/merge-patch+json"
JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
OPEN = "e2e-accounts-open"
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "mine"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
}
NOON = "2026-01-01T12:00:00Z"
PRIVILEGED = {"name": "x", "image": "x", "securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}


@dataclass(frozen=True)
class Call:
    """A request to the API server, without its dry run."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON


class Account:
    """The service account of a role."""

    def __init__(self, api: KubeApi, role: str) -> None:
        self._api = api.impersonating(f"system:serviceaccount:{SYSTEM}:lambent-{role}")

    def refusal(self, call: Call) -> str:
        """What the API server says against it; empty where it would do it. Fails where somebody else refuses it."""
        query = "" if call.method == "GET" else "?dryRun=All"
        try:
            self._api.raw(call.method, call.path + query, call.body, call.content_type)
        except ApiError as error:
            refused = error
        else:
            return ""
        by = "ValidatingAdmissionPolicy" if refused.code == 422 else " cannot "
        assert refused.code in (403, 422), refused
        assert by in refused.message, f"{call} is refused by somebody else: {refused}"
        return refused.message

    def allowed_of(self, calls: dict[str, Call]) -> set[str]:
        return {name for name, call in calls.items() if not self.refusal(call)}

    def refused_of(self, calls: dict[str, Call]) -> dict[str, str]:
        return {name: said for name, call in calls.items() if (said := self.refusal(call))}


@dataclass(frozen=True)
class Scene:
    """What is there to be written: a function's pod, a generic pod, and things that are nobody of Lambent's."""

    namespace: str
    open: str
    """A namespace without Pod Security: there it is the policy that refuses a pod, or nobody."""
    body: dict[str, Any]
    pod: dict[str, Any]
    generic: dict[str, Any]
    proxy: dict[str, Any]
    dns: dict[str, Any]

    def at(self, kind: str, name: str = "", sub: str = "") -> str:
        return path_of(kind, self.namespace, name or None, sub or None)


@pytest.fixture(scope="module")
def scene(workspace: Workspace, control_plane: ControlPlane) -> Iterator[Scene]:
    api = workspace.api
    workspace.deploy(function("own", ECHO))
    fill_pool(workspace)
    start_neighbor(api, control_plane.image(), workspace.namespace, "neighbor")
    ensure_namespace(api, OPEN, "privileged")
    gated = api.get("Pod", workspace.namespace, "neighbor")
    assert gated is not None
    held = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "held", "labels": {"lambent.dev/role": "function", "lambent.dev/origin": "pool"}},
        "spec": {
            "containers": [{key: gated["spec"]["containers"][0][key] for key in ("name", "image", "securityContext")}],
            "schedulingGates": [{"name": "example.com/hold"}, {"name": "lambent.dev/refill"}],
        },
    }
    api.apply(held, workspace.namespace)
    yield Scene(
        namespace=workspace.namespace,
        open=OPEN,
        body=workspace.function("own"),
        pod=workspace.pods("own", ending=False)[0],
        generic=generic_pods(workspace)[0],
        proxy=api.list("Pod", "kube-system", "k8s-app=kube-proxy")[0],
        dns=api.list("Pod", "kube-system", "k8s-app=kube-dns")[0],
    )
    api.delete("Namespace", None, OPEN)


def of_others(scene: Scene) -> dict[str, Call]:
    """Calls that no account of Lambent's may make."""
    proxy, dns = scene.proxy["metadata"]["name"], scene.dns["metadata"]["name"]
    image = {"spec": {"containers": [{"name": scene.proxy["spec"]["containers"][0]["name"], "image": "evil"}]}}
    secrets = path_of("Secret", "kube-system")
    return {
        "another image for kube-proxy": Call("PATCH", path_of("Pod", "kube-system", proxy), image, STRATEGIC),
        "scale CoreDNS to zero": Call("PATCH", path_of("Deployment", "kube-system", "coredns", "scale"), {"spec": {"replicas": 0}}, MERGE),
        "delete CoreDNS's pod": Call("DELETE", path_of("Pod", "kube-system", dns)),
        "delete a tenant's pod": Call("DELETE", scene.at("Pod", "neighbor")),
        "label a tenant's pod": Call("PATCH", scene.at("Pod", "neighbor"), {"metadata": {"labels": {"lambent.dev/role": "pool"}}}, MERGE),
        "another image for CoreDNS": Call("PATCH", path_of("Deployment", "kube-system", "coredns"), _image("coredns"), STRATEGIC),
        "a privileged pod in kube-system": Call("POST", path_of("Pod", "kube-system"), _pod("evil", {"containers": [PRIVILEGED]})),
        "a pod of its own": Call("POST", path_of("Pod", scene.open), _pod("evil", {"containers": [{"name": "x", "image": "x"}]})),
        "read Secrets": Call("GET", secrets),
        "read Secrets of a tenant": Call("GET", scene.at("Secret")),
        "a token of another account": Call("POST", path_of("ServiceAccount", "kube-system", "default", "token"), TOKEN),
        "a Function's spec": Call("PATCH", scene.at("Function", "own"), {"spec": {"handler": "evil.handler"}}, MERGE),
        "delete a Function": Call("DELETE", scene.at("Function", "own")),
        "a binding of its own": Call("POST", scene.at("RoleBinding"), BINDING),
    }


def _image(name: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": name, "image": "evil"}]}}}}


def _pod(name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


@pytest.mark.parametrize("role", ["controller", "activator", "autoscaler"])
def test_an_account_writes_nothing_of_others(api: KubeApi, scene: Scene, role: str) -> None:
    assert Account(api, role).allowed_of(of_others(scene)) == set()


def test_the_policies_expressions_are_well_typed(api: KubeApi) -> None:
    listed = api.call("GET", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")["items"]
    ours = {item["metadata"]["name"]: item.get("status", {}) for item in listed if item["metadata"]["name"].startswith("lambent-")}

    assert ours.keys() == {"lambent-controller", "lambent-activator", "lambent-autoscaler", "lambent-functions"}
    assert {name: status for name, status in ours.items() if (status.get("typeChecking") or {}).get("expressionWarnings")} == {}


def test_an_activator_hands_pods_over_and_does_nothing_else_to_them(api: KubeApi, scene: Scene) -> None:
    own, generic = (scene.at("Pod", pod["metadata"]["name"]) for pod in (scene.pod, scene.generic))
    to_function = {**scene.pod["metadata"]["labels"], "lambent.dev/runtime": None}
    claim = {"metadata": {"uid": scene.generic["metadata"]["uid"], "ownerReferences": None, "labels": to_function}}
    more_memory = {"spec": {"containers": [{"name": "function", "resources": {"requests": {"memory": "200Mi"}}}]}}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "evil", "uid": "evil", "controller": True}
    allowed = {
        "hand over": Call("PATCH", generic, claim, MERGE),
        "resize": Call("PATCH", f"{own}/resize", more_memory, STRATEGIC),
        "end a generic pod": Call("DELETE", generic),
        "let a pod start": Call("PATCH", scene.at("Pod", "held"), [{"op": "remove", "path": "/spec/schedulingGates/1"}], JSON_PATCH),
        "raise a scale": Call("PATCH", scene.at("Deployment", "own", "scale"), {"spec": {"replicas": 3}}, MERGE),
        "report an initialization": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"initialization": None}}, MERGE),
    }
    refused = {
        "another image": Call("PATCH", own, {"spec": {"containers": [{"name": "function", "image": "evil"}]}}, STRATEGIC),
        "become a Service's backend": Call("PATCH", generic, {"metadata": {"labels": {**to_function, "k8s-app": "kube-dns"}}}, MERGE),
        "pass for another app": Call("PATCH", generic, _claimed(to_function, **{"app.kubernetes.io/name": "payments"}), MERGE),
        "label a function's pod": Call("PATCH", own, _claimed({"lambent.dev/x": "y"}), MERGE),
        "move a function's pod": Call("PATCH", own, {"metadata": {"labels": {"lambent.dev/function": "other"}}}, MERGE),
        "another owner": Call("PATCH", generic, {"metadata": {"ownerReferences": [owner]}}, MERGE),
        "an annotation": Call("PATCH", own, {"metadata": {"annotations": {"a": "b"}}}, MERGE),
        "a finalizer": Call("PATCH", own, {"metadata": {"finalizers": ["example.com/stay"]}}, MERGE),
        "lift another's gate": Call("PATCH", scene.at("Pod", "held"), [{"op": "remove", "path": "/spec/schedulingGates/0"}], JSON_PATCH),
        "tolerate": Call("PATCH", own, {"spec": {"tolerations": [*scene.pod["spec"]["tolerations"], {"operator": "Exists"}]}}, MERGE),
        "scale without end": Call("PATCH", scene.at("Deployment", "own", "scale"), {"spec": {"replicas": 1001}}, MERGE),
        "another's status": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"readyRevision": "evil"}}, MERGE),
        "a condition": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"conditions": []}}, MERGE),
    }
    account = Account(api, "activator")

    assert account.refused_of(allowed) == {}
    assert account.allowed_of(refused) == set()


def _claimed(labels: dict[str, Any], **others: str) -> dict[str, Any]:
    return {"metadata": {"labels": {**labels, **others}}}


def test_an_autoscaler_scales_and_does_nothing_else(api: KubeApi, scene: Scene) -> None:
    own, generic = (scene.at("Pod", pod["metadata"]["name"]) for pod in (scene.pod, scene.generic))
    allowed = {
        "a function's scale": Call("PATCH", scene.at("Deployment", "own", "scale"), {"spec": {"replicas": 0}}, MERGE),
        "a pool's scale": Call("PATCH", scene.at("Deployment", POOL, "scale"), {"spec": {"replicas": 3}}, MERGE),
        "let a pool's pod start": Call("PATCH", scene.at("Pod", "held"), [{"op": "remove", "path": "/spec/schedulingGates/1"}], JSON_PATCH),
        "end a generic pod": Call("DELETE", generic),
        "note an invocation": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"lastInvoked": NOON}}, MERGE),
    }
    refused = {
        "another image": Call("PATCH", generic, {"spec": {"containers": [{"name": "function", "image": "evil"}]}}, STRATEGIC),
        "hand over": Call("PATCH", generic, {"metadata": {"labels": {"lambent.dev/role": "function"}}}, MERGE),
        "drop an owner": Call("PATCH", generic, {"metadata": {"ownerReferences": None}}, MERGE),
        "lift another's gate": Call("PATCH", scene.at("Pod", "held"), [{"op": "remove", "path": "/spec/schedulingGates/0"}], JSON_PATCH),
        "resize": Call("PATCH", f"{own}/resize", {"spec": {"containers": [{"name": "function"}]}}, STRATEGIC),
        "scale without end": Call("PATCH", scene.at("Deployment", "own", "scale"), {"spec": {"replicas": 1001}}, MERGE),
        "a condition": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"conditions": []}}, MERGE),
        "an initialization": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"initialization": {"revision": "x"}}}, MERGE),
    }
    if "lambent.dev/origin" not in scene.pod["metadata"]["labels"]:
        refused["end a function's own pod"] = Call("DELETE", own)
    account = Account(api, "autoscaler")

    assert account.refused_of(allowed) == {}
    assert account.allowed_of(refused) == set()


@pytest.mark.parametrize(("role", "other"), [("controller", "autoscaler"), ("autoscaler", "controller")])
def test_an_account_renews_its_own_lease_alone(api: KubeApi, control_plane: ControlPlane, role: str, other: str) -> None:
    def refusal(name: str) -> str:
        path = path_of("Lease", SYSTEM, f"lambent-{name}")
        return Account(api, role).refusal(Call("PUT", path, api.call("GET", path)))

    # Its holder renews it all the time, so that what was read may be the one before: 409, which fails an attempt.
    wait_for(lambda: refusal(role) == "", "a renewal to be let through")
    wait_for(lambda: "only its own Lease" in refusal(other), "another's to be refused")


def test_a_controller_makes_what_functions_ask_for(api: KubeApi, scene: Scene) -> None:
    account = Account(api, "controller")
    made = {f"make a {body['kind']}": Call("POST", scene.at(body["kind"]), body) for body in children(scene, scene.namespace)}
    live = scene.at("Deployment", "own")
    uid = scene.body["metadata"]["uid"]
    about = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Function", "name": "own", "namespace": scene.namespace, "uid": uid}
    pool = {"apiVersion": "apps/v1", "kind": "Deployment", "name": POOL, "namespace": scene.namespace}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "own.1"}, "involvedObject": about}
    code = api.list("ConfigMap", scene.namespace, "lambent.dev/function=own")[0]["metadata"]["name"]
    allowed = {
        **made,
        "put a Deployment right": Call("PATCH", live, [{"op": "add", "path": "/spec/revisionHistoryLimit", "value": 0}], JSON_PATCH),
        "delete code": Call("DELETE", scene.at("ConfigMap", code)),
        "delete a pool": Call("DELETE", scene.at("Deployment", POOL)),
        "delete a pool's policy": Call("DELETE", scene.at("NetworkPolicy", POOL)),
        "tell of a Function": Call("POST", scene.at("Event"), event),
        "tell of a pool": Call("POST", scene.at("Event"), {**event, "involvedObject": pool}),
        "its status": Call("PATCH", scene.at("Function", "own", "status"), {"status": {"conditions": []}}, MERGE),
    }

    assert account.refused_of(allowed) == {}


def children(scene: Scene, namespace: str) -> list[dict[str, Any]]:
    """One of each kind that the controller makes, as it makes them, for a Function whose objects are not there yet."""
    body = {**scene.body, "metadata": {**scene.body["metadata"], "name": "own-two", "namespace": namespace}}
    found = parse_function(body)
    image, installation = RuntimeImage("lambent/python3.11:dev"), Installation()
    code = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": child_metadata(found, "own-two-code-1"), "immutable": True, "data": {}}
    code["metadata"]["labels"]["lambent.dev/code"] = "1"  # type: ignore[index]
    deployment = build_deployment(found, "abc", None, image, installation)
    pool = build_pool_deployment(namespace, "python3.12", image, installation)
    return [
        {**deployment, "spec": {"replicas": 0, **deployment["spec"]}},
        build_candidate(found, "abc", None, image, installation),
        build_service(found, installation),
        build_network_policy(found, installation),
        code,
        {**pool, "spec": {"replicas": 2, **pool["spec"]}},
    ]


def test_a_controller_makes_nothing_that_functions_cannot_ask_for(api: KubeApi, scene: Scene) -> None:
    deployment, candidate, service, policy, code, _ = children(scene, scene.open)

    def post(body: dict[str, Any]) -> Call:
        return Call("POST", path_of(body["kind"], body["metadata"]["namespace"]), body)

    def with_spec(body: dict[str, Any], **spec: Any) -> Call:
        return post({**body, "spec": {**body["spec"], **spec}})

    def with_metadata(body: dict[str, Any], **metadata: Any) -> Call:
        return post({**body, "metadata": {**body["metadata"], **metadata}})

    def in_container(**security: Any) -> Call:
        (container,) = candidate["spec"]["containers"]
        return with_spec(candidate, containers=[{**container, "securityContext": {**container["securityContext"], **security}}])

    def in_template(**spec: Any) -> Call:
        template = deployment["spec"]["template"]
        return with_spec(deployment, template={**template, "spec": {**template["spec"], **spec}})

    host = {"name": "host", "hostPath": {"path": "/"}}
    elsewhere = {**candidate, "metadata": {**candidate["metadata"], "namespace": "kube-system"}}
    foreign = {"apiVersion": "v1", "kind": "Pod", "name": "neighbor", "uid": "x", "namespace": scene.namespace}
    refused = {
        "privileged": in_container(privileged=True, allowPrivilegeEscalation=True),
        "escalation": in_container(allowPrivilegeEscalation=True),
        "a capability": in_container(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        "all capabilities": in_container(capabilities={}),
        "root": in_container(runAsNonRoot=False),
        "the node's files": with_spec(candidate, volumes=[*candidate["spec"]["volumes"], host]),
        "the node's network": with_spec(candidate, hostNetwork=True),
        "the node's processes": with_spec(candidate, hostPID=True),
        "a node": with_spec(candidate, nodeName="somewhere"),
        "a privileged init container": with_spec(candidate, initContainers=[PRIVILEGED]),
        "the node's files in a template": in_template(volumes=[*deployment["spec"]["template"]["spec"]["volumes"], host]),
        "the node's network in a template": in_template(hostNetwork=True),
        "privileged in a template": in_template(containers=[PRIVILEGED]),
        "a pod of no Function": with_metadata(candidate, ownerReferences=[]),
        "a pod without labels": with_metadata(candidate, labels={}),
        "a pod that is no candidate": with_metadata(candidate, labels={**candidate["metadata"]["labels"], "lambent.dev/role": "function"}),
        "a pod in kube-system": post(elsewhere),
        "a Deployment of no Function": with_metadata(deployment, ownerReferences=[]),
        "a Service of its own": with_spec(service, externalName="evil.example.com"),
        "an open Service": with_spec(service, type="ClusterIP", externalName=None, ports=[{"port": 80}]),
        "a policy for all": with_spec(policy, podSelector={}),
        "a ConfigMap that is no code": post({**code, "immutable": False}),
        "an Event about a pod": Call(
            "POST", scene.at("Event"), {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": foreign}
        ),
        "delete CoreDNS": Call("DELETE", path_of("Deployment", "kube-system", "coredns")),
        "the API server's Service": Call("PATCH", path_of("Service", "default", "kubernetes"), {"spec": {"type": "NodePort"}}, MERGE),
        "delete a tenant's ConfigMap": Call("DELETE", scene.at("ConfigMap", "kube-root-ca.crt")),
        "its own Deployment": Call("PATCH", path_of("Deployment", SYSTEM, "lambent-controller"), {"spec": {"paused": True}}, MERGE),
        "its own policy": Call("DELETE", path_of("NetworkPolicy", SYSTEM, "lambent-activator")),
    }

    assert Account(api, "controller").allowed_of(refused) == set()


def test_a_controller_keeps_to_what_a_namespace_allows(api: KubeApi, scene: Scene) -> None:
    _, candidate, *_ = children(scene, scene.open)
    (container,) = candidate["spec"]["containers"]

    def post(**spec: Any) -> Call:
        return Call("POST", path_of("Pod", scene.open), {**candidate, "spec": {**candidate["spec"], **spec}})

    def reading(secret: str) -> Call:
        variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}
        return post(containers=[{**container, "env": [*container["env"], variable]}])

    def account(name: str) -> Call:
        return post(serviceAccountName=name, serviceAccount=name)

    for name in ("reader", "admin"):
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, scene.open)
    calls = {"reader": account("reader"), "admin": account("admin"), "database": reading("database"), "other": reading("other")}
    annotations = {"lambent.dev/allowed-service-accounts": "reader", "lambent.dev/allowed-secrets": "database"}
    controller = Account(api, "controller")

    assert controller.refused_of(calls) == {}
    api.merge("Namespace", None, scene.open, {"metadata": {"annotations": annotations}})
    wait_for(lambda: controller.refused_of(calls).keys() == {"admin", "other"}, "the annotations to be known")


# People


def test_a_namespace_says_which_service_accounts_and_secrets_its_functions_may_use(workspace: Workspace) -> None:
    annotations = {"lambent.dev/allowed-service-accounts": "reader, writer", "lambent.dev/allowed-secrets": "database"}
    workspace.api.merge("Namespace", None, workspace.namespace, {"metadata": {"annotations": annotations}})

    def env(secret: str) -> list[dict[str, Any]]:
        return [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": secret, "key": "password"}}}]

    volume = [{"name": "keys", "mountPath": "/keys", "secret": {"secretName": "keys"}}]
    try:
        said = workspace.refused(function("a", serviceAccountName="admin"))
        assert "spec.serviceAccountName: admin is not allowed; the namespace's annotation lambent.dev/allowed-service-accounts" in said
        for spec, name in (
            ({"env": env("other")}, "other"),
            ({"volumes": volume}, "keys"),
            ({"imagePullSecrets": [{"name": "pull"}]}, "pull"),
        ):
            assert f"a Secret of {name} is not allowed; the namespace's annotation lambent.dev/allowed-secrets" in workspace.refused(
                function("a", **spec)
            )
        for allowed in (function("a", serviceAccountName="writer", env=env("database")), function("a")):
            workspace.api.apply(allowed, workspace.namespace, dry_run=True)
    finally:
        nothing = dict.fromkeys(annotations)
        workspace.api.merge("Namespace", None, workspace.namespace, {"metadata": {"annotations": nothing}})
    workspace.api.apply(function("a", serviceAccountName="admin", env=env("other")), workspace.namespace, dry_run=True)


@pytest.mark.parametrize(("role", "may_write"), [("view", False), ("edit", True), ("admin", True)])
def test_kubernetes_own_roles_hold_for_functions(workspace: Workspace, role: str, may_write: bool) -> None:
    user = f"e2e-{role}"
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": user}}
    workspace.apply({**binding, "roleRef": ref, "subjects": [subject]})

    def may(verb: str, resource: str, sub: str = "") -> bool:
        asked = ["auth", "can-i", verb, f"{resource}.lambent.dev", f"--as={user}", *([f"--subresource={sub}"] if sub else [])]
        return workspace.api.kubectl("-n", workspace.namespace, *asked).stdout.strip() == "yes"

    for resource in ("functions", "triggers"):
        assert [may(verb, resource) for verb in ("get", "list", "watch")] == [True] * 3
        assert [may(verb, resource) for verb in ("create", "update", "patch", "delete")] == [may_write] * 4
        assert may("get", resource, "status")
        assert not may("patch", resource, "status")
    assert may("patch", "functions", "scale") is may_write

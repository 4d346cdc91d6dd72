"""One Function and its objects as the API server would hold them, in memory: plans are carried out on JSON, and read back from it.

`settle` runs reconciles until there is nothing left to do; the rest plays kubelet, activator and people with kubectl.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambent.api import names
from lambent.api.functions.files import inline_files
from lambent.api.functions.function import parse_function
from lambent.controller.function.decision import decide
from lambent.controller.resources.installation import Installation, RuntimeImage
from lambent.controller.writes.drift import Accepted, accept
from lambent.controller.writes.plan import Create, Delete, Notice, Observed, Plan, Repair, Write
from lambent.controller.writes.views import view_code, view_deployment, view_object, view_pod, view_replica_set
from tests.support.json_patch import apply_json_patch

INSTALLATION = Installation(runtimes={"python3.11": RuntimeImage("lambent/python3.11:dev")})
START = datetime(2026, 1, 1, tzinfo=UTC)


def a_manifest(text: str = "v1", **spec: Any) -> dict[str, Any]:
    """A Function as a user applies it, with `text` as the content of its one file."""
    return {
        "apiVersion": "lambent.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "hello", "namespace": "default", "uid": "fn-uid", "generation": 1, "resourceVersion": "1"},
        "spec": {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": {"app.py": text}}, **spec},
    }


@dataclass
class World:
    """The state; `objects` by (kind, name)."""

    function: dict[str, Any] = field(default_factory=a_manifest)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    now: datetime = START
    notices: list[Notice] = field(default_factory=list)
    history: list[Write] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    serial: int = 0

    # What the controller does.

    def observe(self) -> Observed:
        function = parse_function(self.function)
        name = function.name
        code = function.spec.code
        deployment = self.objects.get(("Deployment", names.deployment(name)))
        service = self.objects.get(("Service", names.service(name)))
        policy = self.objects.get(("NetworkPolicy", names.network_policy(name)))
        return Observed(
            function=function,
            stored_status=copy.deepcopy(self.function.get("status") or {}),
            code=inline_files(code.inline) if code is not None and code.inline else None,
            deployment=view_deployment(deployment) if deployment else None,
            service=view_object(service) if service else None,
            network_policy=view_object(policy) if policy else None,
            code_maps=tuple(view_code(body) for body in self.of_kind("ConfigMap")),
            replica_sets=tuple(view for body in self.of_kind("ReplicaSet") if (view := view_replica_set(body)) is not None),
            pods=tuple(view_pod(body) for body in self.of_kind("Pod")),
            accepted=dict(self.accepted),
            refused=dict(self.refused),
        )

    def plan(self) -> Plan:
        return decide(self.now, self.observe(), INSTALLATION)

    def step(self, *, crash_after: int | None = None) -> Plan:
        """One reconcile; with `crash_after`, the controller dies after so many writes, before the status."""
        plan = self.plan()
        for number, write in enumerate(plan.writes):
            if crash_after is not None and number >= crash_after:
                return plan
            self.carry_out(write)
        if crash_after is not None:
            return plan
        if plan.status is not None:
            status = self.function.setdefault("status", {})
            for key, value in plan.status.items():
                if value is None:
                    status.pop(key, None)
                else:
                    status[key] = copy.deepcopy(value)
        self.notices.extend(plan.notices)
        return plan

    def settle(self, limit: int = 8) -> Plan:
        """Reconcile until a plan says nothing new."""
        for _ in range(limit):
            plan = self.step()
            if not plan.writes and plan.status is None and not plan.notices:
                return plan
        raise AssertionError(f"no rest after {limit} reconciles; the last plan was {plan}")

    def carry_out(self, write: Write) -> None:
        self.history.append(write)
        if isinstance(write, Delete):
            body = self.objects[write.kind, write.name]
            assert body["metadata"]["uid"] == write.uid
            del self.objects[write.kind, write.name]
            return
        if isinstance(write, Repair):
            key = (write.kind, write.built["metadata"]["name"])
            self.objects[key] = apply_json_patch(self.objects[key], write.operations)
            self.accepted[write.kind] = accept(write.built, self.objects[key])
            return
        assert isinstance(write, Create)
        key = (write.kind, write.body["metadata"]["name"])
        assert key not in self.objects, f"{key} exists"
        self.serial += 1
        body = copy.deepcopy(dict(write.body))
        body["metadata"] = {**body["metadata"], "uid": f"uid-{self.serial}"}
        self.objects[key] = body
        if write.kind in ("Deployment", "Service", "NetworkPolicy"):
            self.accepted[write.kind] = accept(write.body, body)

    # What others do.

    def edit(self, **spec: Any) -> None:
        """kubectl apply with a changed spec."""
        changed = {**self.function["spec"], **spec}
        if changed != self.function["spec"]:
            self.function["spec"] = changed
            self.function["metadata"]["generation"] += 1

    def write_code(self, text: str) -> None:
        self.edit(code={"inline": {"app.py": text}})

    def initialize(self, *, succeeds: bool = True, revision: str = "") -> None:
        """An activator tells how the initialisation of a revision ended."""
        status = self.function.setdefault("status", {})
        outcome: dict[str, Any] = {"revision": revision or status.get("latestRevision", ""), "durationMs": 12.0}
        if succeeds:
            outcome |= {"outcome": "Succeeded", "errorType": "", "errorMessage": "", "stackTrace": []}
        else:
            outcome |= {"outcome": "Failed", "errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'x'"}
            # As the runtime tells an import error: the caller's error has no frames, people get them.
            outcome |= {"stackTrace": [], "traceback": ['  File "/var/task/app.py", line 1, in <module>\n    import x\n']}
        status["initialization"] = outcome

    def scale(self, replicas: int) -> None:
        """The autoscaler or an activator sets the Deployment's scale."""
        self.deployment["spec"]["replicas"] = replicas
        self.deployment.setdefault("status", {})["replicas"] = replicas

    def run_pods(self, *, ready: bool = True) -> None:
        """The Deployment's pods become what its template says."""
        for key in [
            key for key, body in self.objects.items() if key[0] == "Pod" and body["metadata"]["labels"]["lambent.dev/role"] != "candidate"
        ]:
            del self.objects[key]
        template = self.deployment["spec"]["template"]
        for number in range(self.deployment["spec"].get("replicas", 1)):
            self.serial += 1
            metadata = {"name": f"hello-{number}", "uid": f"uid-{self.serial}", "labels": dict(template["metadata"]["labels"])}
            conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
            self.objects["Pod", f"hello-{number}"] = {
                "metadata": metadata,
                "spec": template["spec"],
                "status": {"phase": "Running", "conditions": conditions},
            }
        self.deployment.setdefault("status", {})["replicas"] = self.deployment["spec"].get("replicas", 1)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # What one looks at.

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [body for (found, _), body in self.objects.items() if found == kind]

    @property
    def deployment(self) -> dict[str, Any]:
        return self.objects["Deployment", "hello"]

    @property
    def template_revision(self) -> str:
        revision: str = self.deployment["spec"]["template"]["metadata"]["labels"]["lambent.dev/revision"]
        return revision

    @property
    def candidates(self) -> list[str]:
        return [body["metadata"]["name"] for body in self.of_kind("Pod") if body["metadata"]["labels"]["lambent.dev/role"] == "candidate"]

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.function.get("status") or {}
        return found

    def condition(self, name: str) -> tuple[str, str]:
        """(status, reason)."""
        found = next((item for item in self.status.get("conditions", []) if item["type"] == name), None)
        return (found["status"], found["reason"]) if found else ("", "")

    def message(self, name: str = "Ready") -> str:
        return next((str(item["message"]) for item in self.status.get("conditions", []) if item["type"] == name), "")

    def serving_world(self) -> World:
        """This world with its first revision serving on one ready pod."""
        self.settle()
        self.run_pods()
        self.initialize()
        self.settle()
        return self


def observed_with(world: World, **changes: Any) -> Observed:
    """An observation with parts replaced."""
    return replace(world.observe(), **changes)

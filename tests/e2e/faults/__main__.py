"""`make faults`: every fault under load on the cluster of `make up`, with a table; 1 where a promise was broken. NODES=3 adds a drain."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.e2e.faults.arena import describe, helm_runner, prepare, run_fault
from tests.e2e.faults.catalog import all_faults, full_faults
from tests.e2e.faults.ledger import Verdict
from tests.e2e.faults.table import HEAD, format_row, format_table
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.node import NODES
from tests.e2e.framework.workspace import Workspace
from tests.support.http_client import HttpClient

CHECKOUT = Path(__file__).parents[3]
NAMESPACE = "e2e-all-faults"


def main() -> int:
    """Run those asked for, or all."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", action="append", help="only faults whose name has this in it (may be given several times)")
    arguments = parser.parse_args()
    state = CHECKOUT / ".cluster"
    if not (state / "endpoint").exists():
        print("no cluster: run `make up` first", file=sys.stderr)
        return 1
    api = KubeApi(str(state / "bin" / "kubectl"), str(state / "kubeconfig"))
    rows: list[tuple[str, Verdict]] = []
    try:
        control_plane = ControlPlane(api)
        control_plane.wait_whole()
        faults = full_faults(len(api.list("Node", None)))
        if arguments.only:
            faults = [fault for fault in all_faults() if any(part in fault.name for part in arguments.only)]
        ensure_namespace(api, NAMESPACE, "restricted")
        workspace = Workspace(api, HttpClient((state / "endpoint").read_text().strip()), NAMESPACE, CHECKOUT)
        arena = prepare(workspace, control_plane, helm_runner(str(state / "bin" / "helm"), str(state / "kubeconfig")))
        print("\n".join(HEAD), flush=True)
        for fault in faults:
            verdict = run_fault(arena, fault)
            rows.append((fault.name, verdict))
            print(format_row(fault.name, verdict), flush=True)
            if not verdict.is_clean:
                print(describe(fault, verdict, arena.moments), file=sys.stderr, flush=True)
    finally:
        out = CHECKOUT / "bench" / "out"
        out.mkdir(parents=True, exist_ok=True)
        (out / "faults.md").write_text(format_table(rows) + "\n")
        for name in (NODES, NAMESPACE):
            api.delete("Namespace", None, name)
        api.close()
    return 0 if all(verdict.is_clean for _, verdict in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The controller: turns custom resources into Kubernetes objects and status.

`app` starts it, `operator` holds kopf's handlers, which only name the key that changed; `workers` takes keys from `work_queue` and runs
`reconcile`, which observes (`observation`), decides (`decision`, pure) and carries the plan out (`execution`).
"""

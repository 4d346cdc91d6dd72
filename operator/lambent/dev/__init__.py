"""`python -m lambent dev FOLDER`: the functions of a folder of manifests, served by local processes. No cluster, no root.

The same activator and the same shim as in a cluster; this package is what Kubernetes and the controller are there: it reads manifests,
proves revisions, and starts and stops the processes that stand for pods.
"""

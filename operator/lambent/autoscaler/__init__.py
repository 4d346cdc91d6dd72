"""The autoscaler: observed concurrency in, desired scale out.

activators ──statistics──> receiver ──> fleet (windows, decision; pure) ──> applier ──> deployments/scale
                           watches ───────┘
"""

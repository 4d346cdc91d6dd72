"""The Python bootstrap: imports a function's handler and runs it, in processes that the shim forks and kills.

Standard library only. It runs under the user's interpreter, knows nothing of links or Kubernetes, and talks to the shim by the
frames of `frames`. What a handler sees is kept equal to AWS's awslambdaric; tests/contract/runtime runs both side by side.
"""

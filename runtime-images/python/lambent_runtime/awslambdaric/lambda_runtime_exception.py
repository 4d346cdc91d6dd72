"""AWS's module of this name: a failure of the runtime's own contract."""

from lambent_runtime.errors import FaultError as FaultException

__all__ = ["FaultException"]

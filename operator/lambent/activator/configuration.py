"""Keeps routing and admission in step with Functions and Triggers, whoever tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lambent.activator.admission.model import FunctionKey, Rules
from lambent.activator.catalog import route_of, rules_of, target_of
from lambent.activator.gateway import Gateway
from lambent.api.function import Function
from lambent.api.names import DEFAULT_REGION
from lambent.api.pool import why_not_pooled
from lambent.api.trigger import Trigger


class Configuration:
    """Each change swaps the gateway's table and tells admission; no request waits for it."""

    def __init__(
        self,
        gateway: Gateway,
        set_rules: Callable[[FunctionKey, Rules | None], None],
        forget: Callable[[FunctionKey], None],
        *,
        region: str = DEFAULT_REGION,
        pool_memory_bytes: int = 0,
    ) -> None:
        """Functions of up to `pool_memory_bytes` may be run by pods of a pool."""
        self.functions: dict[FunctionKey, Function] = {}
        self._gateway = gateway
        self._set_rules = set_rules
        self._forget = forget
        self._region = region
        self._pool_memory_bytes = pool_memory_bytes

    def put_function(self, function: Function) -> None:
        """Added or changed. A Function that is being deleted takes no more invocations."""
        key = FunctionKey(function.namespace, function.name)
        if function.deleting:
            self.remove_function(key)
            return
        self.functions[key] = function
        pooled = self._pool_memory_bytes and not why_not_pooled(function.spec, max_memory_bytes=self._pool_memory_bytes)
        rules = rules_of(function, function.spec.runtime or "" if pooled else "")
        # Admission first: whoever can be routed can be admitted.
        self._set_rules(key, rules)
        target = target_of(function, self._region)
        if self._gateway.table.functions.get(key) != target:
            self._gateway.table = self._gateway.table.with_function(target)

    def remove_function(self, key: FunctionKey) -> None:
        """Deleted; harmless where it was not known."""
        if self.functions.pop(key, None) is None:
            return
        self._gateway.table = self._gateway.table.without_function(key)
        self._set_rules(key, None)
        self._forget(key)

    def replace_functions(self, functions: Iterable[Function]) -> None:
        """All there are."""
        kept = set()
        for function in functions:
            kept.add(FunctionKey(function.namespace, function.name))
            self.put_function(function)
        for key in [key for key in self.functions if key not in kept]:
            self.remove_function(key)

    def put_trigger(self, trigger: Trigger) -> None:
        """Added or changed."""
        route = route_of(trigger)
        if route is None or trigger.spec.http is None:
            self.remove_trigger(FunctionKey(trigger.namespace, trigger.name))
        else:
            self._gateway.table = self._gateway.table.with_route(trigger.spec.http.host, route)

    def remove_trigger(self, key: FunctionKey) -> None:
        """Deleted; harmless where it was not known."""
        self._gateway.table = self._gateway.table.without_route(key)

    def replace_triggers(self, triggers: Iterable[Trigger]) -> None:
        """All there are."""
        kept = set()
        for trigger in triggers:
            kept.add(FunctionKey(trigger.namespace, trigger.name))
            self.put_trigger(trigger)
        for key in [key for key in self._gateway.table.triggers if key not in kept]:
            self.remove_trigger(key)

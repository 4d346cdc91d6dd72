"""Functions and Triggers of all namespaces into the configuration."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from typing import Any

from lambent.activator.admission.model import FunctionKey
from lambent.activator.catalog.catalog import Configuration
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import Function, inline_size, parse_function
from lambent.api.group import API_VERSION, FUNCTIONS, HOST_GRANTS, TRIGGERS
from lambent.api.triggers.grants import HostGrant, parse_grant
from lambent.api.triggers.trigger import Trigger, parse_trigger
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Added, Listed, Modified, watch_objects

KEPT_CODE_CHARACTERS = 4096
"""Code up to this is kept with its Function, so that a generic pod can become it without a question to the API server."""

SHARED_CHARACTERS = 128
"""Texts up to this may be words that many Functions have in common; longer ones are code or a user's own."""

_log = logging.getLogger("lambent.activator.watcher")


class Watcher:
    """`functions_listed` and its like say whether the first list has come: before, a 404 could be a lie, and a host another namespace's."""

    def __init__(self, client: KubeClient, configuration: Configuration) -> None:
        self.functions_listed = False
        self.triggers_listed = False
        self.grants_listed = False
        self.listed = asyncio.Event()
        """All of them."""
        self._client = client
        self._configuration = configuration

    def not_ready(self) -> str | None:
        """What is still missing."""
        if not self.functions_listed:
            return "Functions have not been listed yet"
        if not self.grants_listed:
            return "HostGrants have not been listed yet; is their definition there (kubectl apply --server-side -f crds/)?"
        return None if self.triggers_listed else "Triggers have not been listed yet"

    def _note_listed(self) -> None:
        if self.not_ready() is None:
            self.listed.set()

    async def watch_functions(self) -> None:
        """Without end. A Function that cannot be read is as one that is not there."""
        configuration = self._configuration
        async for event in watch_objects(self._client, collection_path(API_VERSION, FUNCTIONS), keep=keep_function):
            match event:
                case Listed(items=items):
                    configuration.replace_functions(item for item in items if isinstance(item, Function))
                    self.functions_listed = True
                    self._note_listed()
                case Added(item=Function() as function) | Modified(item=Function() as function):
                    configuration.put_function(function)
                case _:
                    configuration.remove_function(_key(event.item))

    async def watch_triggers(self) -> None:
        """Without end. A Trigger that cannot be read is as one that is not there."""
        configuration = self._configuration
        async for event in watch_objects(self._client, collection_path(API_VERSION, TRIGGERS), keep=keep_trigger):
            match event:
                case Listed(items=items):
                    configuration.replace_triggers(item for item in items if isinstance(item, Trigger))
                    self.triggers_listed = True
                    self._note_listed()
                case Added(item=Trigger() as trigger) | Modified(item=Trigger() as trigger):
                    configuration.put_trigger(trigger)
                case _:
                    configuration.remove_trigger(_key(event.item))

    async def watch_grants(self) -> None:
        """Without end. A HostGrant that cannot be read is as one that is not there."""
        grants: dict[str, HostGrant] = {}
        async for event in watch_objects(self._client, collection_path(API_VERSION, HOST_GRANTS), keep=keep_grant):
            match event:
                case Listed(items=items):
                    grants = {name: grant for name, grant in items if grant is not None}
                    self.grants_listed = True
                    self._note_listed()
                case Added(item=(name, HostGrant() as grant)) | Modified(item=(name, HostGrant() as grant)):
                    grants[name] = grant
                case _:
                    grants.pop(event.item[0], None)
            self._configuration.replace_grants(grants.values())


def _key(item: Function | Trigger | tuple[str, str]) -> FunctionKey:
    return FunctionKey(*item) if isinstance(item, tuple) else FunctionKey(item.namespace, item.name)


def keep_function(item: Json) -> Function | tuple[str, str]:
    """A Function, or its (namespace, name) where its spec cannot be used."""
    try:
        return replace(parse_function(share_words(without_code(item))), inline_size=inline_size(item))
    except InvalidSpecError as error:
        return _complain("Function", item, error)


def keep_trigger(item: Json) -> Trigger | tuple[str, str]:
    """A Trigger, or its (namespace, name) where its spec cannot be used."""
    try:
        return parse_trigger(item)
    except InvalidSpecError as error:
        return _complain("Trigger", item, error)


def keep_grant(item: Json) -> tuple[str, HostGrant | None]:
    """A HostGrant by its name; None where its spec cannot be used."""
    try:
        grant = parse_grant(item)
    except InvalidSpecError as error:
        return _complain("HostGrant", item, error)[1], None
    return grant.name, grant


def without_code(item: Json) -> Json:
    """The same Function, with inline code cut short where it is large: up to a megabyte of each that only a cold start needs."""
    spec = item.get("spec")
    code = spec.get("code") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(code, dict) or not isinstance(code.get("inline"), dict):
        return item
    if sum(len(str(content)) for content in code["inline"].values()) <= KEPT_CODE_CHARACTERS:
        return item
    return {**item, "spec": {**spec, "code": {**code, "inline": dict.fromkeys(code["inline"], "")}}}


def share_words(value: Any) -> Any:
    """The same JSON value with short texts that are equal to others kept once in the process: conditions, reasons, runtimes, namespaces.

    Of ten thousand idle Functions they are most of what would be kept.
    """
    if isinstance(value, str):
        return sys.intern(value) if len(value) <= SHARED_CHARACTERS else value
    if isinstance(value, dict):
        return {key: share_words(item) for key, item in value.items()}
    return [share_words(item) for item in value] if isinstance(value, list) else value


def _complain(kind: str, item: Json, error: InvalidSpecError) -> tuple[str, str]:
    metadata = item.get("metadata") or {}
    namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    _log.warning("%s %s/%s is not served: %s", kind, namespace, name, error)
    return namespace, name

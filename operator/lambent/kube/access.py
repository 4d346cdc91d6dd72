"""Where the API server is and how to prove oneself: inside a cluster by the pod's service account, outside it by a kubeconfig file.

Source: Kubernetes documentation, "Accessing the Kubernetes API from a Pod" and "Organizing Cluster Access Using kubeconfig Files".
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, Protocol, cast

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_AGE_SECONDS: Final = 60.0
"""How long a token read from a file is used before the file is looked at again (as client-go does; kubelets rotate tokens)."""


class NoClusterError(Exception):
    """The environment names no cluster."""


class Credentials(Protocol):
    """What goes into the Authorization header."""

    async def header(self) -> str | None:
        """The header's value, None where the connection itself proves who is calling (client certificates)."""

    def expire(self) -> None:
        """The server did not know the last value: read it anew."""


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """All that a client needs of a cluster."""

    server: str
    """Base URL without a slash at its end."""
    credentials: Credentials
    ssl: ssl.SSLContext | None
    """None: plain HTTP (a test server, `kubectl proxy`)."""
    server_hostname: str | None = None
    """The name in the server's certificate, where it is not the one in `server`."""


@dataclass(slots=True)
class NoCredentials:
    """A client certificate, or a proxy that adds the credentials."""

    async def header(self) -> str | None:
        """Always None."""
        return None

    def expire(self) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class TokenFile:
    """A bearer token in a file that is replaced now and then."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    _value: str | None = field(default=None, init=False)
    _read_at: float = field(default=0.0, init=False)

    async def header(self) -> str | None:
        """The token as last read; a file that cannot be read just now leaves the last one in use."""
        now = self.clock()
        if self._value is None or now - self._read_at >= _TOKEN_AGE_SECONDS:
            try:
                # A token file is a kilobyte in memory (tmpfs): reading it takes less than handing it to a thread.
                self._value = f"Bearer {self.path.read_text().strip()}"
            except OSError:
                if self._value is None:
                    raise
            self._read_at = now
        return self._value

    def expire(self) -> None:
        """Read the file again at the next request."""
        self._read_at = float("-inf")


@dataclass(slots=True)
class KubeconfigToken:
    """A token from a kubeconfig user: fixed, or from an exec plugin or identity provider that is asked again when it has expired."""

    loader: Any
    _value: str | None = field(default=None, init=False)

    async def header(self) -> str | None:
        """The token, asked for anew after `expire`."""
        if self._value is None:
            loaded = SimpleNamespace(api_key={})
            await self.loader.load_and_set(loaded)
            self._value = loaded.api_key.get("BearerToken")
        return self._value

    def expire(self) -> None:
        """Ask again at the next request."""
        self._value = None


def find_access(environ: Mapping[str, str]) -> tuple[str, Path | None]:
    """Which cluster the environment means: (server, None) inside one, ("", kubeconfig) outside. Reads no file's content.

    Raises NoClusterError naming what was looked for.
    """
    if environ.get("KUBECONFIG"):
        path = Path(environ["KUBECONFIG"])
        if not path.is_file():
            raise NoClusterError(f"KUBECONFIG: {str(path)!r} is not a file; use the path of one kubeconfig file")
        return "", path
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if host:
        return f"https://{f'[{host}]' if ':' in host else host}:{port}", None
    home = Path(environ["HOME"]) / ".kube" / "config" if environ.get("HOME") else None
    if home is not None and home.is_file():
        return "", home
    raise NoClusterError("no cluster: neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set, and there is no ~/.kube/config")


def in_cluster_access(server: str, folder: Path = SERVICE_ACCOUNT) -> ClusterAccess:
    """The cluster this pod runs in. Raises OSError where no service account is mounted."""
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    return ClusterAccess(server, TokenFile(folder / "token"), context)


async def kubeconfig_access(path: Path) -> ClusterAccess:
    """The current context of a kubeconfig file. Loads the `kubernetes` package, which only this does."""
    from kubernetes.aio import config  # noqa: PLC0415 - costs 20 MB and half a second, and no pod needs it

    loaded = SimpleNamespace(api_key={}, host="", ssl_ca_cert=None, cert_file=None, key_file=None, verify_ssl=True, tls_server_name=None)
    try:
        loader = await cast("Any", config).load_kube_config(config_file=str(path), client_configuration=loaded, persist_config=False)
    except config.ConfigException as error:
        raise NoClusterError(f"kubeconfig {str(path)!r}: {error}") from error
    server = loaded.host.rstrip("/")
    if not server:
        raise NoClusterError(f"kubeconfig {str(path)!r}: its current context names no server")
    context = _kubeconfig_ssl(loaded) if server.startswith("https:") else None
    credentials: Credentials = KubeconfigToken(loader) if loaded.api_key.get("BearerToken") else NoCredentials()
    return ClusterAccess(server, credentials, context, loaded.tls_server_name)


def _kubeconfig_ssl(loaded: SimpleNamespace) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=loaded.ssl_ca_cert)
    if not loaded.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if loaded.cert_file:
        context.load_cert_chain(loaded.cert_file, loaded.key_file)
    return context

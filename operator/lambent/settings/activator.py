"""Settings of the activator; the fields of `ProcessSettings` besides."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from lambent.settings import shared
from lambent.settings.base import ProcessSettings, SettingError, setting


@dataclass(frozen=True, kw_only=True)
class ActivatorSettings(ProcessSettings):
    """What an activator reads at its start."""

    http_port: int = setting("LAMBENT_HTTP_PORT", 8080, "Port of the Lambda API, function URLs and http Triggers.", low=0, high=65_535)
    link_port: int = setting("LAMBENT_LINK_PORT", 8081, "Port that shims dial.", low=0, high=65_535)
    lambda_api_port: int = setting(
        "LAMBENT_LAMBDA_API_PORT",
        0,
        "Port of the Lambda API alone, which no other port answers then; 0: it is at LAMBENT_HTTP_PORT.",
        low=0,
        high=65_535,
    )
    public_port: int = setting(
        "LAMBENT_PUBLIC_PORT",
        0,
        "Port for the outside besides, without the Lambda API and the hosts that cluster DNS alone knows; 0: none.",
        low=0,
        high=65_535,
    )
    queue_max_invocations: int = setting(
        "LAMBENT_QUEUE_MAX_INVOCATIONS", 1000, "Invocations of one function that may wait; more are answered 429.", low=1, high=1_000_000
    )
    queue_max_megabytes: int = setting(
        "LAMBENT_QUEUE_MAX_MEGABYTES",
        64,
        "Payloads of all waiting invocations; one function may use what is left free.",
        unit="MiB",
        low=1,
        high=65_536,
    )
    queue_seconds: float = setting(
        "LAMBENT_QUEUE_SECONDS",
        60.0,
        "How long an invocation waits for a free slot before it is answered 504.",
        unit="s",
        low=0.1,
        high=900,
    )
    payload_max_megabytes: int = setting(
        "LAMBENT_PAYLOAD_MAX_MEGABYTES",
        128,
        "Payloads that are held: those that wait, those under way to pods, and answers on their way; more are answered 503.",
        unit="MiB",
        low=16,
        high=65_536,
    )
    links_unproved: int = setting(
        "LAMBENT_LINKS_UNPROVED", 256, "Connections to the link port that have not proved themselves, at a time.", low=1, high=65_536
    )
    links_unproved_per_address: int = setting(
        "LAMBENT_LINKS_UNPROVED_PER_ADDRESS", 16, "The same, from one address: a pod's, or its node's.", low=1, high=65_536
    )
    link_failures_per_minute: int = setting(
        "LAMBENT_LINK_FAILURES_PER_MINUTE", 30, "Refused hellos of one address, before it is not listened to.", low=1, high=100_000
    )
    link_reviews_at_once: int = setting(
        "LAMBENT_LINK_REVIEWS_AT_ONCE", 16, "Hellos that the API server is asked about at a time.", low=1, high=1000
    )
    http_max_connections: int = setting(
        "LAMBENT_HTTP_MAX_CONNECTIONS", 10_000, "Connections of clients that may be open; more are answered 503.", low=1, high=1_000_000
    )
    http_receiving_megabytes: int = setting(
        "LAMBENT_HTTP_RECEIVING_MEGABYTES",
        96,
        "Requests on their way in, of all connections; who goes over it is answered 503.",
        unit="MiB",
        low=8,
        high=65_536,
    )
    http_sending_megabytes: int = setting(
        "LAMBENT_HTTP_SENDING_MEGABYTES",
        128,
        "Answers that clients are behind in reading; beyond it, those are cut who lag longest.",
        unit="MiB",
        low=8,
        high=65_536,
    )
    http_head_seconds: float = setting(
        "LAMBENT_HTTP_HEAD_SECONDS", 20.0, "How long the head of a request may take; then it is answered 408.", unit="s", low=1, high=300
    )
    http_body_seconds: float = setting(
        "LAMBENT_HTTP_BODY_SECONDS",
        30.0,
        "How long a body may bring less than 16 KiB/s without coming to its end; then it is answered 408.",
        unit="s",
        low=1,
        high=900,
    )
    http_keep_alive_seconds: float = setting(
        "LAMBENT_HTTP_KEEP_ALIVE_SECONDS",
        75.0,
        "How long a connection may be silent between requests; longer than that of any load balancer before it.",
        unit="s",
        low=1,
        high=3600,
    )
    http_stalled_seconds: float = setting(
        "LAMBENT_HTTP_STALLED_SECONDS",
        60.0,
        "How long a client may read nothing of its answer before it is cut.",
        unit="s",
        low=1,
        high=3600,
    )
    trusted_proxies: tuple[str, ...] = setting(
        "LAMBENT_TRUSTED_PROXIES",
        (),
        "Networks (CIDR) of proxies whose X-Forwarded-For, -Proto and -Port are believed, such as an Ingress controller's pods.",
    )
    start_patience_seconds: float = setting(
        "LAMBENT_START_PATIENCE_SECONDS",
        0.1,
        "Where pods are ready, how long a wait makes the activator ask for more itself.",
        unit="s",
        low=0,
        high=60,
    )
    starts_at_once: int = shared.starts_at_once()
    start_retry_seconds: float = setting(
        "LAMBENT_START_RETRY_SECONDS", 1.0, "How long until a scale that brought no pod is raised again.", unit="s", low=0.1, high=60
    )
    namespace_max_functions: int = shared.namespace_max_functions()
    namespace_max_triggers: int = shared.namespace_max_triggers()
    namespace_max_inline_megabytes: int = shared.namespace_max_inline_megabytes()
    cluster_domain: str = shared.cluster_domain()
    domain: str = shared.domain()
    activator_service: str = shared.activator_service()
    links_service: str = shared.links_service()
    lambda_api_service: str = shared.lambda_api_service()
    public_service: str = shared.public_service()
    autoscaler: str = setting(
        "LAMBENT_AUTOSCALER", "lambent-autoscaler:8083", "host:port statistics go to, at every address of the host; empty for none."
    )
    statistics_seconds: float = setting("LAMBENT_STATISTICS_SECONDS", 0.2, "Interval of statistics.", unit="s", low=0.05, high=5)
    token_file: str = setting(
        "LAMBENT_TOKEN_FILE", "/var/run/secrets/lambent/token", "This activator's projected token, shown to autoscalers."
    )
    pool_size: int = setting("LAMBENT_POOL_SIZE", 2, "Generic pods of a pool; 0: none are taken.", low=0, high=100)
    pool_max_memory_mib: int = shared.pool_max_memory_mib()
    init_boost_millis: int = shared.init_boost_millis()
    cpu_request_percent: int = shared.cpu_request_percent()
    region: str = setting("LAMBENT_REGION", "us-east-1", "Region in ARNs.")
    settle_seconds: float = setting(
        "LAMBENT_SETTLE_SECONDS", 1.0, "After SIGTERM, how long new connections are still taken.", unit="s", low=0, high=60
    )
    drain_seconds: float = setting(
        "LAMBENT_DRAIN_SECONDS", 915.0, "After SIGTERM, how long invocations under way may take.", unit="s", low=0, high=3600
    )

    def validate(self) -> None:
        """Each trusted proxy is a network."""
        for network in self.trusted_proxies:
            try:
                ip_network(network)
            except ValueError as error:
                raise SettingError("LAMBENT_TRUSTED_PROXIES", network, f"networks such as 10.244.0.0/16 or 192.0.2.7 ({error})") from None

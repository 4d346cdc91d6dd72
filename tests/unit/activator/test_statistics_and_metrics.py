"""What the activator tells of itself: pushes to the autoscaler, metrics to Prometheus, ids to everybody."""

import json
import uuid

from prometheus_client import CollectorRegistry, generate_latest

from lambent.activator.admission.admission import Observed
from lambent.activator.admission.meter import Meter
from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster.statistics import build_push
from lambent.activator.gateway.request_ids import Identities
from lambent.autoscaler.statistics import parse_push
from lambent.telemetry.activator_metrics import ActivatorMetrics, FigureCollector

KEY = FunctionKey("team", "hello")


def test_a_push_is_what_the_autoscaler_reads() -> None:
    push = parse_push(json.loads(build_push("a-1", 7, 0.2, [Observed(KEY, 1.25, 3, 9, 2)])))

    assert (push.activator, push.sequence, push.interval_seconds) == ("a-1", 7, 0.2)
    (report,) = push.reports
    assert (tuple(report.key), report.concurrency, report.queued, report.requests, report.ready) == (("team", "hello"), 1.25, 3, 9, 2)


def test_a_meter_weighs_levels_by_their_time() -> None:
    meter = Meter(10.0)
    meter.change(2, 11.0)
    meter.change(-1, 12.0)
    meter.requests += 2
    meter.starts += 3

    assert meter.read(14.0) == (1.0, 2, 3)
    assert meter.read(15.0) == (1.0, 0, 0)
    meter.change(-1, 15.0)
    assert meter.idle


def scraped(registry: CollectorRegistry) -> list[str]:
    return generate_latest(registry).decode().splitlines()


def test_metrics_tell_outcomes_reasons_and_times_of_each_function() -> None:
    registry = CollectorRegistry()
    metrics = ActivatorMetrics(registry)
    registry.register(FigureCollector(lambda: [(KEY, 2, 3, 1)]))
    metrics.succeeded(KEY, 0.004, 0.0)
    metrics.succeeded(KEY, 70.0, 0.5)
    metrics.failed(KEY, "function_error", "Function.Timeout", 3.0)
    metrics.cold_start(KEY, 0.6)
    metrics.initialized(KEY, 0.05, {"helloMs": 120, "startedAt": 1.7e12, "bad name": 1}, failed=False)
    lines = scraped(registry)

    labels = 'function="hello",namespace="team"'
    for line in (
        f'lambent_invocations_total{{{labels},outcome="success",reason=""}} 2.0',
        f'lambent_invocations_total{{{labels},outcome="function_error",reason="Function.Timeout"}} 1.0',
        f'lambent_invocation_duration_seconds_bucket{{{labels.replace(",", ",")},le="0.005"}} 1.0',
        f'lambent_invocation_duration_seconds_bucket{{{labels},le="+Inf"}} 3.0',
        f"lambent_invocation_duration_seconds_sum{{{labels}}} 73.004",
        f"lambent_invocation_duration_seconds_count{{{labels}}} 3.0",
        f"lambent_cold_starts_total{{{labels}}} 1.0",
        f"lambent_in_flight{{{labels}}} 2.0",
        f"lambent_queued{{{labels}}} 3.0",
        f"lambent_ready{{{labels}}} 1.0",
    ):
        assert sorted_labels(line) in {sorted_labels(each) for each in lines}, line
    phases = {line.partition('phase="')[2].partition('"')[0] for line in lines if line.startswith("lambent_cold_start_phase_seconds_count")}
    assert phases == {"wait", "init", "hello"}


def sorted_labels(line: str) -> str:
    name, brace, rest = line.partition("{")
    labels, _, value = rest.partition("}")
    return f"{name}{brace}{','.join(sorted(labels.split(',')))}}}{value}" if brace else line


def test_a_deleted_functions_series_go() -> None:
    registry = CollectorRegistry()
    metrics = ActivatorMetrics(registry)
    metrics.succeeded(KEY, 0.1, 0.0)
    metrics.cold_start(KEY, 0.1)
    metrics.forget(KEY)

    assert not [line for line in scraped(registry) if 'function="hello"' in line]


def test_request_ids_are_version_4_uuids_and_never_the_same() -> None:
    identities = Identities()
    made = [identities.request_id() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert {(uuid.UUID(each).version, str(uuid.UUID(each))) for each in made} == {(4, each) for each in made}


def test_trace_ids_carry_the_time() -> None:
    assert Identities(lambda count: b"\xab" * count).trace_id(1_583_348_638.4) == (
        "Root=1-5e5ffb9e-" + "ab" * 12 + ";Parent=" + "ab" * 8 + ";Sampled=0"
    )

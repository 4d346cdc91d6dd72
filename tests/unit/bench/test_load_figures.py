import pytest

from bench.kube import BenchError
from bench.load import parse_server_timing, parse_wrk

OUTPUT = """Running 6s test @ http://198.19.128.2:30080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.14ms    1.02ms  31.08ms   93.11%
    Req/Sec    15.55k   840.48    16.44k    91.67%
  Latency Distribution
     50%  910.00us
     75%    4.27ms
     90%    4.71ms
     99%    1.20s
  92866 requests in 6.01s, 14.70MB read
{extra}Requests/sec:  15452.50
Transfer/sec:      2.45MB
"""


def test_units_of_wrk_become_milliseconds() -> None:
    load = parse_wrk(OUTPUT.format(extra=""))
    assert (load.p50_ms, load.p99_ms) == (0.91, 1200.0)
    assert load.requests_per_second == pytest.approx(92866 / 6.01)
    assert load.errors == 0


def test_refused_and_broken_requests_count_as_errors() -> None:
    extra = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n"
    assert parse_wrk(OUTPUT.format(extra=extra)).errors == 15


def test_output_without_figures_says_so() -> None:
    with pytest.raises(BenchError, match="printed no total"):
        parse_wrk("unable to connect")


def test_server_timing_names_its_parts() -> None:
    assert parse_server_timing("queue;dur=1.5, start;dur=500, handler;dur=0.2") == {"queue": 1.5, "start": 500.0, "handler": 0.2}

from prometheus_client import generate_latest

from lambent.telemetry.registry import build_registry


def test_every_role_tells_its_memory_and_cpu_time() -> None:
    text = generate_latest(build_registry()).decode()

    assert "process_resident_memory_bytes " in text
    assert "process_cpu_seconds_total " in text


def test_two_roles_of_one_process_do_not_share_a_registry() -> None:
    assert build_registry() is not build_registry()

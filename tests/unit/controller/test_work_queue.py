"""Each key waits at most once, is worked on by one at a time, and backs off when its reconcile fails."""

from __future__ import annotations

from lambent.controller.queue.work_queue import LONGEST_BACKOFF_SECONDS, Key, WorkQueue

A, B = Key("Function", "default", "a"), Key("Function", "default", "b")


def test_keys_come_in_the_order_they_fall_due() -> None:
    queue = WorkQueue()
    queue.add(B, 0.0, delay=2.0)
    queue.add(A, 0.0, delay=1.0)

    assert queue.take(0.5) is None
    assert queue.next_due() == 1.0
    assert queue.take(2.0) == A
    assert queue.take(2.0) == B
    assert queue.take(2.0) is None


def test_a_key_waits_once_at_the_earlier_of_two_times() -> None:
    queue = WorkQueue()
    queue.add(A, 0.0, delay=5.0)
    queue.add(A, 1.0)
    queue.add(A, 1.0, delay=9.0)

    assert len(queue) == 1
    assert queue.take(1.0) == A
    queue.finish(A, 1.0)
    assert queue.take(100.0) is None


def test_a_key_is_not_given_to_two_workers() -> None:
    queue = WorkQueue()
    queue.add(A, 0.0)
    assert queue.take(0.0) == A

    queue.add(A, 0.0)
    queue.add(B, 0.0)

    assert queue.take(0.0) == B
    assert queue.take(0.0) is None
    assert queue.next_due() is None
    queue.finish(A, 0.0)
    assert queue.next_due() == 0.0
    assert queue.take(0.0) == A


def test_a_finished_key_may_ask_for_another_look() -> None:
    queue = WorkQueue()
    queue.add(A, 0.0)
    queue.take(0.0)

    queue.finish(A, 10.0, requeue_seconds=20.0)

    assert queue.next_due() == 30.0


def test_failures_back_off_and_one_success_forgets_them() -> None:
    queue = WorkQueue()
    queue.add(A, 0.0)
    now, pauses = 0.0, []
    for _ in range(12):
        assert queue.take(now) == A
        pauses.append(queue.fail(A, now))
        now += pauses[-1]

    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_BACKOFF_SECONDS
    queue.take(now)
    queue.finish(A, now)
    queue.add(A, now)
    queue.take(now)
    assert queue.fail(A, now) == 0.1


def test_a_change_while_a_reconcile_fails_does_not_cut_the_pause_short() -> None:
    queue = WorkQueue()
    queue.add(A, 0.0)
    queue.take(0.0)
    queue.add(A, 0.0)

    pause = queue.fail(A, 0.0)

    assert queue.take(pause / 2) is None
    assert queue.take(pause) == A


def test_a_namespace_with_a_thousand_objects_holds_up_no_other() -> None:
    queue = WorkQueue()
    for number in range(1000):
        queue.add(Key("Trigger", "noisy", f"t{number}"), 0.0)
    queue.add(A, 1.0)

    assert A in [queue.take(1.0) for _ in range(2)]

"""What becomes of pools as time passes: pods are let go, taken, replaced and removed."""

from __future__ import annotations

from dataclasses import replace

from lambent.autoscaler.pools.fleet import PROVED_SECONDS, Lift, PoolFigures, PoolFleet, PoolOrder, PoolScale, Remove
from lambent.autoscaler.pools.refill import FIRST_HOLD_SECONDS, QUIET_SECONDS, RESTED_SECONDS, STARTING_SECONDS, STARVED_SECONDS, PoolKey
from lambent.autoscaler.pools.size import STILL_SECONDS, PoolPolicy
from lambent.autoscaler.pools.views import PoolPod, PoolUser, PoolView
from lambent.autoscaler.statistics import FunctionKey, Push, Report

KEY = PoolKey("team", "python3.11")
HELLO = FunctionKey("team", "hello")
EPOCH = 1_700_000_000.0
"""The wall clock where the other one is at zero."""


class World:
    """One pool, its ReplicaSet played by hand, and one activator."""

    def __init__(self, size: int = 2, max_size: int = 10, idle_seconds: float = 3600.0) -> None:
        self.fleet = PoolFleet(PoolPolicy(size, max_size, idle_seconds))
        self.now = 1000.0
        self.sequence = 0
        self.pods: dict[str, PoolPod] = {}
        self.fleet.set_user(HELLO, PoolUser(KEY, EPOCH + self.now, 20), self.now, EPOCH + self.now)
        self.fleet.set_pool(KEY, PoolView("pool", size, 1, updating=False))

    def add(self, name: str, *, gated: bool = True) -> None:
        self.change(
            name, PoolPod(name, f"uid-{name}", f"T{len(self.pods):03}", 0 if gated else None, ready=False, bad=False, deleting=False)
        )

    def change(self, name: str, pod: PoolPod | None = None, **changes: object) -> None:
        pod = pod if pod is not None else replace(self.pods[name], **changes)  # type: ignore[arg-type]
        self.pods[name] = pod
        self.fleet.set_pod(KEY, name, pod, self.now)

    def come_up(self, name: str) -> None:
        self.change(name, gate=None, ready=True)

    def vanish(self, name: str) -> None:
        """It has become a function, or is gone."""
        del self.pods[name]
        self.fleet.set_pod(KEY, name, None, self.now)

    def push(self, *, starts: int = 0, queued: int = 0, ready: int = 0, function: FunctionKey = HELLO) -> None:
        self.sequence += 1
        self.fleet.push(Push("a", self.sequence, 0.2, (Report(function, 1.0, queued, 1, ready, starts),)), self.now)

    def after(self, seconds: float) -> tuple[PoolOrder, ...]:
        self.now += seconds
        return self.fleet.decide(self.now)

    def let_go(self, orders: tuple[PoolOrder, ...]) -> list[str]:
        """The lifts among them, begun."""
        lifts = [order for order in orders if isinstance(order, Lift)]
        for lift in lifts:
            self.fleet.let_go(lift, self.now)
        return [lift.pod for lift in lifts]

    def warm(self, *names: str) -> None:
        for name in names:
            self.add(name)
            self.now += QUIET_SECONDS
            self.come_up(name)


def test_the_first_pods_come_one_after_the_other() -> None:
    world = World()
    world.add("a")
    world.add("b")

    assert world.after(0.0) == ()
    assert world.after(QUIET_SECONDS) == (Lift(KEY, "a", "uid-a", 0),)
    assert world.let_go((Lift(KEY, "a", "uid-a", 0),)) == ["a"]
    assert world.after(0.5) == (), "one at a time"
    world.come_up("a")
    assert world.let_go(world.after(0.0)) == ["b"]


def test_a_pod_that_does_not_become_ready_holds_up_the_others_for_a_while_only() -> None:
    world = World()
    world.add("a")
    world.add("b")
    assert world.let_go(world.after(QUIET_SECONDS)) == ["a"]
    world.change("a", gate=None)

    assert world.after(STARTING_SECONDS - 0.1) == ()
    assert world.let_go(world.after(0.1)) == ["b"]


def test_a_pod_that_was_taken_is_replaced_when_its_function_is_up() -> None:
    world = World()
    world.warm("a", "b")
    world.push(starts=1, queued=1)
    world.vanish("a")
    world.vanish("b")
    world.add("c")

    assert world.after(QUIET_SECONDS) == (), "an invocation still waits"
    world.push()
    assert world.let_go(world.after(0.1)) == ["c"]


def test_half_a_pool_is_filled_when_nothing_was_asked_for_in_a_while() -> None:
    world = World()
    world.warm("a", "b")
    world.vanish("a")
    world.add("c")

    assert world.after(RESTED_SECONDS - 0.1) == (), "another function still has b"
    assert world.let_go(world.after(0.1)) == ["c"]


def test_a_pod_that_left_tells_of_a_start_before_any_activator_does() -> None:
    world = World()
    world.add("c")
    world.now += QUIET_SECONDS
    world.warm("a")
    world.vanish("a")

    assert world.after(QUIET_SECONDS - 0.1) == ()
    assert world.let_go(world.after(0.1)) == ["c"]


def test_whose_start_it_is_does_not_matter_to_a_refill() -> None:
    world = World()
    world.add("a")
    world.now += QUIET_SECONDS
    world.push(starts=1, function=FunctionKey("team", "own-image"))

    assert world.after(QUIET_SECONDS - 0.1) == ()
    assert world.let_go(world.after(0.1)) == ["a"]


def test_a_pod_that_was_deleted_was_not_asked_for() -> None:
    world = World()
    world.add("c")
    world.now += QUIET_SECONDS
    world.warm("a", "b")
    for name in ("a", "b"):
        world.change(name, deleting=True)
        world.vanish(name)

    assert world.let_go(world.after(0.0)) == ["c"]


def test_a_load_that_does_not_end_starves_no_pool() -> None:
    world = World()
    world.add("a")
    world.add("b")
    let_go: list[tuple[float, str]] = []
    began = world.now
    while world.now < began + 30.0:
        world.push(queued=5)
        for name in world.let_go(world.after(0.2)):
            let_go.append((world.now - began, name))
            world.come_up(name)

    assert [name for _, name in let_go] == ["a", "b"]
    assert STARVED_SECONDS <= let_go[0][0] <= STARVED_SECONDS + 0.5
    assert STARVED_SECONDS <= let_go[1][0] - let_go[0][0] <= STARVED_SECONDS + 0.5


def test_what_an_activator_said_last_before_it_died_holds_nothing_up() -> None:
    world = World()
    world.add("a")
    world.push(queued=5)

    assert world.after(1.5) == ()
    assert world.let_go(world.after(1.0)) == ["a"]


def test_a_burst_makes_the_pool_larger_and_time_makes_it_smaller_again() -> None:
    world = World()
    world.push(starts=6)

    assert world.after(0.0) == (PoolScale(KEY, "pool", 2, 6),)
    world.fleet.scaled(KEY, 6, 5)
    assert world.after(0.0) == ()
    sizes = [6]
    while world.now < 1000.0 + 3500.0:
        for order in world.after(60.0):
            assert isinstance(order, PoolScale)
            sizes.append(order.desired)
            world.fleet.scaled(KEY, order.desired, 5 + len(sizes))
    assert sizes == [6, 5, 4, 3, 2]


def test_a_scale_read_late_does_not_undo_what_was_written() -> None:
    world = World()
    world.push(starts=6)
    world.after(0.0)
    world.fleet.scaled(KEY, 6, 5)

    world.fleet.set_pool(KEY, PoolView("pool", 2, 4, updating=False))

    assert world.after(0.0) == ()


def test_starts_of_functions_that_use_no_pool_make_none_larger() -> None:
    world = World()
    world.push(starts=6, function=FunctionKey("team", "own-image"))

    assert world.after(0.0) == ()


def test_pods_that_are_wanted_again_and_again_while_they_come_count_once() -> None:
    world = World()
    for _ in range(20):
        world.push(starts=1, ready=18)
        world.now += 0.2

    assert world.after(0.0) == (PoolScale(KEY, "pool", 2, 3),), "of the 20 it may have, it had 17 or 18"


def test_without_demand_there_are_no_pods_and_an_invocation_brings_them_back() -> None:
    world = World(idle_seconds=600.0)
    assert world.after(599.0) == ()
    assert world.after(1.0) == (PoolScale(KEY, "pool", 2, 0),)
    world.fleet.scaled(KEY, 0, 2)

    world.push()

    assert world.after(0.0) == (PoolScale(KEY, "pool", 0, 2),)


def test_a_restart_forgets_no_invocation_that_a_status_tells_of() -> None:
    world = World(idle_seconds=600.0)
    world.now += 1000.0
    wall = EPOCH + world.now
    world.fleet.set_user(HELLO, PoolUser(KEY, wall - 590.0, 20), world.now, wall)

    assert world.after(9.0) == ()
    assert world.after(1.0) == (PoolScale(KEY, "pool", 2, 0),)


def test_an_object_from_the_future_counts_as_now() -> None:
    world = World(idle_seconds=600.0)
    world.fleet.set_user(HELLO, PoolUser(KEY, EPOCH + 99_999.0, 20), world.now, EPOCH + world.now)

    assert world.after(600.0) == (PoolScale(KEY, "pool", 2, 0),)


def test_nothing_is_taken_away_just_after_a_start() -> None:
    world = World()
    world.fleet.set_pool(KEY, PoolView("pool", 9, 2, updating=False))
    world.push(starts=1)

    assert world.after(STILL_SECONDS - 0.1) == ()
    assert world.after(0.1) == (PoolScale(KEY, "pool", 9, 2),)


def test_a_pod_whose_container_has_ended_is_removed_once() -> None:
    world = World()
    world.warm("a", "b")
    world.now += PROVED_SECONDS
    world.change("a", bad=True, ready=False)

    assert world.after(0.0) == (Remove(KEY, "a", "uid-a", 0),)
    world.change("a", deleting=True)
    assert world.after(0.0) == ()


def test_a_pool_whose_pods_do_not_come_up_tries_less_and_less_often() -> None:
    world = World(size=1, max_size=1)
    pauses: list[float] = []
    since = world.now
    for number in range(4):
        name = f"p{number}"
        world.add(name)
        while not world.let_go(world.after(0.25)):
            pass
        pauses.append(world.now - since)
        world.change(name, gate=None)
        world.change(name, bad=True)
        since = world.now
        assert Remove(KEY, name, f"uid-{name}", number + 1) in world.after(0.0)
        world.vanish(name)

    assert pauses == [QUIET_SECONDS, FIRST_HOLD_SECONDS, 2 * FIRST_HOLD_SECONDS, 4 * FIRST_HOLD_SECONDS]


def test_a_pod_that_stays_up_ends_the_pauses() -> None:
    world = World()
    world.warm("a")
    world.change("a", bad=True)
    world.vanish("a")
    world.add("b")
    assert world.let_go(world.after(FIRST_HOLD_SECONDS)) == ["b"]
    world.come_up("b")
    world.after(PROVED_SECONDS)
    world.change("b", bad=True)

    assert world.after(0.0) == (Remove(KEY, "b", "uid-b", 0),)


def test_a_gate_that_could_not_be_lifted_is_tried_again() -> None:
    world = World()
    world.add("a")
    (lift,) = world.after(QUIET_SECONDS)
    assert isinstance(lift, Lift)
    world.fleet.let_go(lift, world.now)
    assert world.after(0.0) == ()

    world.fleet.not_let_go(lift)

    assert world.after(0.0) == (lift,)


def test_while_an_old_template_goes_one_more_pod_than_wanted_may_start() -> None:
    world = World()
    world.warm("old-a", "old-b")
    world.add("new")
    assert world.let_go(world.after(QUIET_SECONDS)) == []

    world.fleet.set_pool(KEY, PoolView("pool", 2, 2, updating=True))

    assert world.let_go(world.after(0.0)) == ["new"]


def test_what_a_new_list_does_not_show_is_gone() -> None:
    world = World()
    world.warm("a", "b")
    world.add("c")
    world.fleet.keep_pods([(KEY, "b"), (KEY, "c")], world.now)

    assert world.let_go(world.after(RESTED_SECONDS)) == ["c"]
    world.fleet.keep_pods([], world.now)
    world.fleet.keep_pools([])
    assert world.fleet.figures(world.now) == []
    assert world.after(0.0) == ()


def test_a_pool_without_users_has_no_demand_left() -> None:
    world = World(idle_seconds=60.0)
    world.fleet.keep_users([])
    world.push(starts=3)

    assert world.after(60.0) == (PoolScale(KEY, "pool", 2, 0),)


def test_figures_count_what_waits_and_what_is_ready() -> None:
    world = World()
    world.warm("a")
    world.add("b")

    assert world.fleet.figures(world.now) == [PoolFigures(KEY, desired=2, ready=1, gated=1)]
    assert world.fleet.is_pressing(world.now)


def test_without_pools_there_are_no_orders() -> None:
    world = World(size=0)
    world.fleet.set_pool(KEY, PoolView("pool", 3, 2, updating=False))
    world.add("a")
    world.change("a", bad=True)

    assert world.after(QUIET_SECONDS) == ()

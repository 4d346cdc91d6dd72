"""Any number of candidates, any delays and losses: never two leaders at once, and soon one again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.kube.lease_decision import LeaseRecord, LeaseSettings, Observation, Take, Wait, decide_lease, leads_until, observe
from tests.support.examples_drawn import examples

SETTINGS = LeaseSettings()
STEP = 0.05


@dataclass
class Candidate:
    """As the edge does it: look, decide, write on condition, at its own clock's time."""

    name: str
    skew: float
    observation: Observation | None = None
    renewed_at: float | None = None
    next_at: float = 0.0
    writing: list[tuple[float, Take, float]] = field(default_factory=list)

    def leads(self, now: float) -> bool:
        return now + self.skew < leads_until(self.renewed_at, SETTINGS)


@dataclass
class Store:
    record: LeaseRecord | None = None
    version: int = 0

    def write(self, take: Take, holder: str) -> LeaseRecord | None:
        current = None if self.record is None else self.record.version
        if take.version != current:
            return None
        self.version += 1
        self.record = LeaseRecord(str(self.version), holder, SETTINGS.duration_seconds, take.transitions)
        return self.record


outages = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 40), st.floats(0.1, 12)), max_size=6)


@settings(max_examples=examples(150))
@given(st.lists(st.floats(-100, 100), min_size=1, max_size=3), outages, st.floats(0, 1))
def test_there_are_never_two_leaders_and_soon_one_again(
    skews: list[float], outages: list[tuple[int, float, float]], write_seconds: float
) -> None:
    store = Store()
    candidates = [Candidate(f"pod-{index}", skew, next_at=index * 0.3) for index, skew in enumerate(skews)]
    leaderless = 0.0
    for step in range(int(60 / STEP)):
        now = step * STEP
        for index, candidate in enumerate(candidates):
            cut_off = any(index == who and start <= now < start + length for who, start, length in outages)
            mine = now + candidate.skew
            for due, take, began in candidate.writing[:]:
                if now >= due:
                    candidate.writing.remove((due, take, began))
                    record = store.write(take, candidate.name)
                    if record is not None and not cut_off:  # the write may be done and its answer lost
                        candidate.observation, candidate.renewed_at = Observation(record, mine), began
            if now < candidate.next_at or candidate.writing or cut_off:
                continue
            candidate.next_at = now + SETTINGS.retry_seconds
            candidate.observation = observe(candidate.observation, store.record, mine)
            decision = decide_lease(mine, candidate.observation, candidate.name, SETTINGS)
            if isinstance(decision, Wait):
                candidate.renewed_at = None
                candidate.next_at = now + decision.seconds
            else:
                candidate.writing.append((now + write_seconds, decision, mine))
        leaders = [candidate.name for candidate in candidates if candidate.leads(now)]
        assert len(leaders) <= 1
        away = {who for who, start, length in outages if start <= now < start + length}
        reachable = not away.issuperset(range(len(skews)))
        leaderless = 0.0 if leaders or not reachable else leaderless + STEP
        # Duration, a look to notice the end, a write, and another round where somebody was faster but was cut off.
        assert leaderless <= 2 * (SETTINGS.duration_seconds + 2 * SETTINGS.retry_seconds + write_seconds) + 12 * bool(outages)


@given(st.floats(0, 100), st.sampled_from(["", "me", "other"]), st.floats(0, 20), st.floats(0.5, 10))
def test_a_lease_is_taken_only_when_it_is_free_or_ones_own(since: float, holder: str, age: float, duration: float) -> None:
    observation = Observation(LeaseRecord("7", holder, duration, 3), since)
    decision = decide_lease(since + age, observation, "me", SETTINGS)
    if holder == "me":
        assert decision == Take("7", 3, renewal=True)
    elif not holder or since + duration - (since + age) <= 0:
        assert decision == Take("7", 4, renewal=False)
    else:
        assert isinstance(decision, Wait)
        assert 0 < decision.seconds <= SETTINGS.retry_seconds


def test_a_lease_that_is_not_there_is_created() -> None:
    assert decide_lease(0.0, Observation(None, 0.0), "me", SETTINGS) == Take(None, 0, renewal=False)


def test_a_record_that_has_not_changed_keeps_the_time_it_was_first_seen_at() -> None:
    record = LeaseRecord("1", "other", 5, 0)
    first = observe(None, record, 10.0)
    assert observe(first, LeaseRecord("1", "other", 5, 0), 14.0) == first
    assert observe(first, LeaseRecord("2", "other", 5, 0), 14.0).since == 14.0


@pytest.mark.parametrize(("duration", "deadline", "retry"), [(5, 5.0, 1.0), (5, 3.0, 3.0), (5, 3.0, 0.0), (2, 3.0, 1.0)])
def test_times_that_would_allow_two_leaders_are_refused(duration: int, deadline: float, retry: float) -> None:
    with pytest.raises(ValueError, match="must be above 0 and below the renew deadline"):
        LeaseSettings(duration, deadline, retry)

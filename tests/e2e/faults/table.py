"""The table of faults, as printed and as README has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tests.e2e.faults.ledger import Verdict

HEAD = (
    "| fault | requests | ran twice | wrong answers | lost, not under way | failed, under way | connections nobody took | longest gap |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def format_row(name: str, verdict: Verdict) -> str:
    """One fault."""
    under_way = ", ".join(f"{count} {outcome}" for outcome, count in sorted(verdict.under_way.items())) or "0"
    counts = (verdict.requests, len(verdict.ran_twice), len(verdict.wrong), len(verdict.lost))
    refused = f"{verdict.refused} in {verdict.refused_seconds:.1f} s" if verdict.refused else "0"
    cells = (name, *map(str, counts), under_way, refused, f"{verdict.gap_seconds:.2f} s")
    return f"| {' | '.join(cells)} |"


def format_table(rows: Iterable[tuple[str, Verdict]]) -> str:
    """All of them, as Markdown."""
    return "\n".join((*HEAD, *(format_row(name, verdict) for name, verdict in rows)))

"""What an engine of ours adds to the host's packet filter, and the commands that take it away again.

Decisions only: text of `iptables-save` in, commands out. Docker removes none of its chains when it ends.
"""

import ipaddress
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from cluster import versions

_CHAIN_OF_DOCKER = re.compile(r"DOCKER(-[A-Z0-9-]+)?")
_OURS = [
    ipaddress.ip_network(versions.ENGINE_BRIDGE_ADDRESS, strict=False),
    ipaddress.ip_network(versions.ENGINE_NETWORK_POOL),
]


@dataclass(frozen=True)
class Table:
    """One table as `iptables-save` shows it."""

    name: str
    policies: dict[str, str]
    """Chains and their policy, `-` for a chain that is not built in."""
    rules: list[str]


def parse(saved: str) -> list[Table]:
    """The tables in the output of `iptables-save`."""
    tables: list[Table] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            tables.append(Table(line[1:].strip(), {}, []))
        elif line.startswith(":") and tables:
            chain, policy = line[1:].split()[:2]
            tables[-1].policies[chain] = policy
        elif line.startswith("-A") and tables:
            tables[-1].rules.append(line)
    return tables


def _is_our_address(word: str) -> bool:
    try:
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False
    return network.version == 4 and any(network.subnet_of(ours) for ours in _OURS)  # type: ignore[arg-type]


def is_ours(rule: str, bridges: Collection[str], *, chains_too: bool) -> bool:
    """Whether a rule names our bridges or addresses, or (where no other docker runs) docker's chains."""
    words = shlex.split(rule)
    if any(word in bridges or _is_our_address(word) for word in words):
        return True
    return chains_too and any(_CHAIN_OF_DOCKER.fullmatch(word) for word in words)


def removal(before: str, now: str, bridges: Collection[str], *, other_docker: bool) -> list[list[str]]:
    """The arguments of the iptables commands that undo what was added since `before`.

    With another docker daemon on the machine its chains stay, which are then shared with ours.
    """
    earlier = {table.name: table for table in parse(before)}
    commands: list[list[str]] = []
    for table in parse(now):
        was = earlier.get(table.name, Table(table.name, {}, []))
        left = list(was.rules)
        for rule in table.rules:
            if rule in left:
                left.remove(rule)
            elif is_ours(rule, bridges, chains_too=not other_docker):
                commands.append(["-t", table.name, "-D", *shlex.split(rule)[1:]])
        if other_docker:
            continue
        added = [chain for chain in table.policies if chain not in was.policies and _CHAIN_OF_DOCKER.fullmatch(chain)]
        commands += [["-t", table.name, "-F", chain] for chain in added]
        commands += [["-t", table.name, "-X", chain] for chain in added]
        policy = was.policies.get("FORWARD", "ACCEPT")
        if table.name == "filter" and table.policies.get("FORWARD", policy) != policy:
            commands.append(["-t", "filter", "-P", "FORWARD", policy])
    return commands


def empty_tables(before: Collection[str], ruleset: list[dict[str, dict[str, object]]]) -> list[tuple[str, str]]:
    """The nftables tables (family, name) that were not there before and hold nothing now.

    iptables makes a table for its first rule and keeps it, with its built-in chains, for ever.
    """
    made = {"filter", "nat", "mangle", "raw", "security"}
    tables: list[tuple[str, str]] = []
    busy: set[tuple[str, str]] = set()
    for entry in ruleset:
        if table := entry.get("table"):
            tables.append((str(table["family"]), str(table["name"])))
        if rule := entry.get("rule"):
            busy.add((str(rule["family"]), str(rule["table"])))
        if (chain := entry.get("chain")) and ("hook" not in chain or chain.get("policy") != "accept"):
            busy.add((str(chain["family"]), str(chain["table"])))
    return [
        table for table in tables if table not in busy and table[0] in {"ip", "ip6"} and table[1] in made and " ".join(table) not in before
    ]

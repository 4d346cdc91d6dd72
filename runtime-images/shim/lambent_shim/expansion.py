"""`$(NAME)` in the value of an environment variable, as Kubernetes expands it. Pure.

Rules: Kubernetes, "Define Dependent Environment Variables", and third_party/forked/golang/expansion, which the kubelet uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `$(NAME)` replaced where NAME is known, and left where not; `$$` is one `$` that begins nothing."""
    done: list[str] = []
    start = 0
    while (found := text.find("$", start)) >= 0:
        done.append(text[start:found])
        following = text[found + 1 : found + 2]
        end = text.find(")", found + 2) if following == "(" else -1
        if end >= 0:
            name = text[found + 2 : end]
            done.append(variables.get(name, text[found : end + 1]))
            start = end + 1
        elif following == "$":
            done.append("$")
            start = found + 2
        else:
            done.append(f"${following}")
            start = found + 1 + len(following)
    done.append(text[start:])
    return "".join(done)


def expand_entries(entries: Iterable[tuple[str, str, bool]], services: Mapping[str, str]) -> dict[str, str]:
    """Variables of a container's `env`: (name, value, whether the value may refer to others), in order.

    A reference finds entries before its own, by their expanded values, then `services`: the variables of services that the kubelet
    adds to every container. An entry whose name comes again is replaced.
    """
    variables: dict[str, str] = {}
    known = dict(services)
    for name, value, may_refer in entries:
        variables[name] = known[name] = expand(value, known) if may_refer else value
    return variables

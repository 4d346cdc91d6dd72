"""Which invocation goes into which slot, and when: pure decisions, `now` passed in, actions out.

`core.Admission` is the whole; `function.FunctionQueue` one function's share of it; `link.Link` what is known of one pod.
The rules are those of docs/decisions/0002, "Slots": a shim owns its slots and alone decides, an activator only believes.
"""

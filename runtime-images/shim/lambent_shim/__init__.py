"""The shim: PID 1 of every function pod. Links to the activators on one side, killable worker processes on the other.

A pod's start: `boot` starts the interpreter that imports the handler, `run` puts the parts together meanwhile, and either
`served_function` serves a function at once or `generic_pod` waits to be told which.

The way of an invocation:

    link/dialer, link/link    keep a connection to every activator, and read frames from it (link/wire)
    link/links                takes the invocation into a free slot (link/slots), or sends it back
    supervisor                gives it to a worker, and watches its time (deadline_timer) and memory (workers/memory_watch)
    workers/workers           has a worker ready, forked from the process that imported the handler (workers/ancestry)
    workers/process           passes event and result to and from the worker by frames (workers/frames)
    telemetry/lines           turns what the worker prints into log lines
    supervisor, link/links    send the result back, and free the slot
"""

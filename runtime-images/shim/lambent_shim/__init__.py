"""The shim: PID 1 of every function pod. Links to the activators on one side, killable worker processes on the other."""

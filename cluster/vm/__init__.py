"""A small virtual machine with cgroup v2 alone, for the tests of the shim and the bootstrap (docs/cgroup2.md).

QEMU in software emulation, Debian's kernel, a Debian root: it needs neither the host's cgroups nor its virtualization.
"""

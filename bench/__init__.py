"""Benchmarks on the cluster of `make up`, side by side with other servers; started by `make bench`."""

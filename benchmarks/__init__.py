"""sepconv beside its peers, in one run: `python -m benchmarks`, or `make bench`.

`workloads` says what is computed and what is right, `peers` who computes it, `worker` is one
peer's process, `run` gives them turns, `report` writes table, JSON and plot. `training` and
`networks` time other things in the same way; `scaling` and `instructions` measure sepconv alone.
"""

"""gradpath side by side with its peers: ``python -m tests.benchmarks``.

`problems` says what is computed, `peers` holds one implementation of it per library, `measure`
checks that all of them compute the same and times them in turn, `workloads` lists what is compared
and what is asked of gradpath, `sizes` how cost grows; `report` and `plot` show what came out. Each
workload runs in a process of its own, which `worker` is and `children` starts.

These are no tests: they assert no times.
"""

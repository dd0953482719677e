"""The peers' programs: each does the job of `bench.job` its own project's way, in a process of its own."""

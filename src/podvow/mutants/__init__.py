"""Proof that the suites can fail: programs of Kubernetes with one known bug each, run on a real cluster.

`definition` reads what the bugs are, `weave` puts them into Kubernetes' source text, `build` makes one program of
each kind of it; `command` runs the suites on it, mutant by mutant (`lanes`: on several clusters at once), and
`score` says which were noticed and by what.
"""

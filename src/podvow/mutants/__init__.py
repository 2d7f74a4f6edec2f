"""Proof that the suites can fail: kubelets with one known bug each, run on a real cluster.

`definition` reads what the bugs are, `weave` puts them into Kubernetes' source text, `build` makes one kubelet of
it; `campaign` runs the suites on it, mutant by mutant, and `score` says which were noticed and by what.
"""

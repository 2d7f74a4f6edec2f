"""What an upgrade did to a cluster: claims judged before, during and after it, and Pods that had to live through it.

`cohort` says which Pods are planted, `planting` plants and removes them; `snapshot` reads what they are, `fate` what
happened to their nodes, `judge` says by `rules` what may have happened to them; `samples` and `outage` read what the
samplers saw. `baseline` is the folder between before and after, `commands` does what the user asks for, `report` tells
it. `demo` upgrades a kind cluster with `kubeadm` and `target`, the programs and images of another node image.
"""

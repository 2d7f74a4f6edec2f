"""What an upgrade did to a cluster: claims judged before, during and after it, and Pods that had to survive it.

`cohort` says which Pods are planted, `planting` plants and removes them, `reading` makes a `snapshot` of them.
`fate` says what happened to their nodes, `change` what changed, `judge` by `rules` whether it was allowed.
`samples` and `outage` read what the samplers saw. `baseline` is the folder between before and after, `judging` runs
the claims, `commands` does what the user asks for, `report` tells it. `demo` upgrades a kind cluster by `kubeadm`,
whose programs and images are those of a `target`; `sabotage` spoils it.
"""

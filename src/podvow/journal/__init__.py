"""What was changed in a cluster and how it is taken back: written before the change, found again by anybody.

`undo` is data, `log` writes it, `reading` reads it, `mirror` keeps a copy in the cluster; `act` carries it out,
`recover` finds what a dead run left, `audit` looks for what is left of all of them.
"""

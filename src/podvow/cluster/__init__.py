"""How a real cluster comes about: container engine, node image, kind, fixture images, access to the nodes.

Nothing in here judges anything and nothing in here knows a scenario.
"""

"""The harness killed at its journalled steps on a real cluster: `make reliability`."""

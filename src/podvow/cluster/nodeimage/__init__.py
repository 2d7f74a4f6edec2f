"""A kind node image for any Kubernetes that the Go module proxy serves, made without a container registry."""

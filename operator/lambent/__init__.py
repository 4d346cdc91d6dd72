"""Lambent: AWS Lambda's programming model on any Kubernetes cluster."""

__version__ = "0.1.0"

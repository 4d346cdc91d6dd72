"""What is built or pulled, at which version, and which addresses it uses: all of it in one place."""

from typing import Final

KUBERNETES: Final = "v1.34.4"
HELM: Final = "v3.19.0"
DEBIAN_SUITE: Final = "bookworm"
GO_AT_LEAST: Final = (1, 24)

# Where an image registry answers, these are used as they are.
USUAL_NODE_IMAGE: Final = "kindest/node:v1.34.0"
USUAL_BASE_IMAGE: Final = "python:3.11-slim"

# 198.18.0.0/15 is set aside for tests (RFC 2544): never the address of a real host.
POD_SUBNET: Final = "198.18.0.0/16"
ENGINE_BRIDGE_ADDRESS: Final = "198.19.0.1/24"
SERVICE_SUBNET: Final = "198.19.64.0/18"
ENGINE_NETWORK_POOL: Final = "198.19.128.0/17"

# One node's share of the pod subnet: 510 addresses, for up to MAX_PODS pods that come and go.
NODE_POD_MASK: Final = 23
MAX_PODS: Final = 250

# The activator's NodePort: the endpoint as seen from the host.
ACTIVATOR_NODE_PORT: Final = 30080

"""What marks a thing as ours. Whatever carries ``sim.stack`` may be removed by us; nothing else ever is."""

STACK = "sim.stack"
SERVER = "sim.server"
ROLE = "sim.role"
KIND = "sim.kind"
# Where the stack's owner keeps its lock: another user's, or another state folder's, is not ours to call an orphan.
STATE = "sim.state"

ROLE_PAUSE = "pause"
ROLE_SERVER = "server"
ROLE_BARE = "bare"


def container_name(stack_id: str, server: str) -> str:
    return f"sim-{stack_id}-{server}"


def pause_name(stack_id: str, server: str) -> str:
    """The container that owns the pod's network namespace, as Kubernetes' pause container does."""
    return f"sim-{stack_id}-{server}-pause"


def volume_name(stack_id: str, server: str) -> str:
    return f"sim-{stack_id}-{server}-data"


def network_name(stack_id: str) -> str:
    return f"sim-{stack_id}"

"""What every part of the topology is made of: frozen models, Kubernetes quantities, ports, names, section numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sim.topology.quantities import parse_cpu_cores, parse_duration_s, parse_memory_bytes

MemoryBytes = Annotated[int, BeforeValidator(parse_memory_bytes)]
CpuCores = Annotated[float, BeforeValidator(parse_cpu_cores)]
DurationS = Annotated[float, BeforeValidator(parse_duration_s)]
Port = Annotated[int, Field(ge=1, le=65535)]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Section = Annotated[str, Field(pattern=r"^\d{1,2}$")]

# A bound for every count of pods: names are spelled out one by one, and no slip of a finger may ask for millions.
MAX_REPLICAS = 99


class Frozen(BaseModel):
    """A value: no unknown keys, never changed once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, str_strip_whitespace=True)


class ResourceList(Frozen):
    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    cpu_cores: CpuCores | None = Field(default=None, alias="cpu")


class Resources(Frozen):
    requests: ResourceList = ResourceList()
    limits: ResourceList = ResourceList()

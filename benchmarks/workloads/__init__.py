"""What is timed: each task knows what it must compute and move, and what is right.

`layers` are single layers, `training` the steps that train them, `networks` whole networks;
`reference` is right by the layer's definition. No peer is known here.
"""

from __future__ import annotations

from benchmarks.workloads.layers import BY_NAME, WORKLOADS, Operands, Workload
from benchmarks.workloads.task import FLOAT32_BYTES, Float32s, Task

__all__ = ["BY_NAME", "FLOAT32_BYTES", "WORKLOADS", "Float32s", "Operands", "Task", "Workload"]

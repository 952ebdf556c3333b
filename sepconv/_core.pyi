"""The compiled core, as Python sees it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

_Float = TypeVar("_Float", np.float32, np.float64)

ACTIVATIONS: Final[dict[str, int]]

class KernelInfo(TypedDict):
    isa: str
    available: list[str]
    vector_bytes: int
    tile: dict[str, dict[str, tuple[int, int]]]
    openmp: bool
    threads: int
    compiler: str

class TilePlan:
    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...
    def windows(
        self, x: NDArray[Any], first: int, steps: int, out: NDArray[Any] | None = None
    ) -> NDArray[Any]: ...
    def operation(self) -> Operation | None: ...
    def output_steps(self, steps: int) -> int: ...
    def padding_left(self, steps: int) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def padding(self) -> str: ...
    @property
    def activation(self) -> str: ...
    @property
    def parameters(self) -> tuple[float, ...]: ...
    @property
    def channels(self) -> int: ...
    @property
    def filters(self) -> int: ...
    @property
    def kernel_size(self) -> int: ...
    @property
    def depth_multiplier(self) -> int: ...
    @property
    def strides(self) -> int: ...
    @property
    def dilation_rate(self) -> int: ...
    @property
    def channels_first(self) -> bool: ...
    @property
    def rows(self) -> bool: ...

class Plan(TilePlan):
    def __init__(
        self,
        depthwise_kernel: NDArray[Any],
        pointwise_kernel: NDArray[Any],
        bias: NDArray[Any] | None,
        *,
        strides: int,
        padding: str,
        dilation_rate: int,
        channels_first: bool,
        activation: str = "linear",
        parameters: tuple[float, ...] = (),
        dtype: np.dtype[Any] | None = None,
    ) -> None: ...

class ConvolutionPlan(TilePlan):
    def weight_gradients(
        self, x: NDArray[Any], g: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def __init__(
        self,
        kernel: NDArray[Any],
        bias: NDArray[Any] | None,
        *,
        padding: str,
        channels_first: bool,
        strides: int = 1,
        dilation_rate: int = 1,
        activation: str = "linear",
        parameters: tuple[float, ...] = (),
        dtype: np.dtype[Any] | None = None,
        rows: bool = False,
    ) -> None: ...

class DepthwisePlan(TilePlan):
    def __init__(
        self,
        kernel: NDArray[Any],
        bias: NDArray[Any] | None,
        *,
        padding: str,
        channels_first: bool,
        strides: int = 1,
        dilation_rate: int = 1,
        activation: str = "linear",
        parameters: tuple[float, ...] = (),
        dtype: np.dtype[Any] | None = None,
    ) -> None: ...

class Gradient:
    def __init__(
        self,
        plan: TilePlan,
        depthwise_kernel: NDArray[Any],
        pointwise_kernel: NDArray[Any] | None = None,
    ) -> None: ...
    def __call__(
        self,
        x: NDArray[Any],
        g: NDArray[Any],
        *,
        relu_output: NDArray[Any] | None = None,
        input_gradient: bool = True,
    ) -> tuple[NDArray[Any] | None, *tuple[NDArray[Any], ...]]: ...

def activate(
    x: NDArray[_Float],
    activation: str,
    parameters: tuple[float, ...] = (),
    out: NDArray[_Float] | None = None,
) -> NDArray[_Float]: ...
def activate_gradient(
    x: NDArray[_Float],
    dy: NDArray[_Float],
    activation: str,
    parameters: tuple[float, ...] = (),
    out: NDArray[_Float] | None = None,
) -> NDArray[_Float]: ...
def channel_sums(
    x: NDArray[_Float], shift: NDArray[Any], z: NDArray[_Float] | None = None
) -> NDArray[np.float64]: ...
def channel_affine(
    x: NDArray[_Float],
    shift: NDArray[Any],
    scale: NDArray[Any],
    offset: NDArray[Any],
    z: NDArray[_Float] | None = None,
    z_scale: NDArray[Any] | None = None,
) -> NDArray[_Float]: ...
def kernel_info() -> KernelInfo: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...

RULES: Final[tuple[str, ...]]

_Update = tuple[NDArray[Any], NDArray[Any], tuple[NDArray[Any] | None, ...], tuple[float, ...]]

def updated_weights(
    rule: str, updates: Iterable[_Update], rates: tuple[float, float]
) -> list[NDArray[Any]]: ...

class Operation:
    def __call__(self, x: NDArray[Any]) -> NDArray[Any] | None: ...

def pooling(
    size: int | None, stride: int, same: bool, mean: bool, keeps_time: bool = False
) -> Operation: ...
def look_up(table: NDArray[Any]) -> Operation: ...
def elementwise(activation: str, parameters: Sequence[float] = ()) -> Operation: ...
def flatten() -> Operation: ...
def softmax() -> Operation: ...

class Chain:
    def __init__(
        self,
        dtype: np.dtype[Any] | str,
        steps: Sequence[tuple[Operation, tuple[int, ...], int]],
        inputs: int,
        outputs: Sequence[int],
    ) -> None: ...
    def __call__(self, arrays: list[Any]) -> list[NDArray[Any]] | None: ...

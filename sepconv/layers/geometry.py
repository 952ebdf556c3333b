"""How many steps a convolution over time leaves."""

from __future__ import annotations


def span(kernel_size: int, dilation_rate: int) -> int:
    """Return the steps of time from the first tap to the last, both counted.

    >>> span(9, 8)
    65
    """
    return (kernel_size - 1) * dilation_rate + 1


def output_steps(steps: int | None, span: int, stride: int, padding: str) -> int | None:
    """Return the output steps for `steps` of input: 0 or fewer when it is too short.

    Arguments:
        steps: input steps, or None when they are open.
        span: of the kernel.
        stride: input steps from one output to the next.
        padding: "valid", "same" or "causal".

    >>> output_steps(10, span=4, stride=2, padding="valid")
    4
    >>> output_steps(10, span=4, stride=3, padding="same")
    4
    """
    if steps is None:
        return None
    if padding != "valid":
        return -(-steps // stride)
    return (steps - span) // stride + 1

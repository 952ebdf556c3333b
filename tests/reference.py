"""The oracle: a separable convolution as three loops in extended precision, NumPy only.

Written from the definition, for any sizes; it shares no line and no idea with the core.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Wide = np.longdouble


def output_steps(steps: int, taps: int, stride: int, dilation: int, padding: str) -> int:
    """Return the number of output steps."""
    span = (taps - 1) * dilation + 1
    if padding in ("same", "causal"):
        return -(-steps // stride)
    return (steps - span) // stride + 1


def separable_conv1d(
    x_btc: ArrayLike,
    depthwise_kcm: ArrayLike,
    pointwise_df: ArrayLike,
    bias_f: ArrayLike | None = None,
    *,
    strides: int = 1,
    padding: str = "valid",
    dilation_rate: int = 1,
) -> tuple[NDArray[Wide], NDArray[Wide]]:
    """Return y (B, S, F) before the activation, and the sum of |x||w| of each output."""
    x, w = np.asarray(x_btc, Wide), np.asarray(depthwise_kcm, Wide)
    batch, steps, channels = x.shape
    taps, _, multiplier = w.shape
    filters = np.shape(pointwise_df)[-1]
    v = np.asarray(pointwise_df, Wide).reshape(channels * multiplier, filters)
    bias = np.zeros(filters, Wide) if bias_f is None else np.asarray(bias_f, Wide)

    out = output_steps(steps, taps, strides, dilation_rate, padding)
    span = (taps - 1) * dilation_rate + 1
    left = max((out - 1) * strides + span - steps, 0) // 2 if padding == "same" else 0

    h = np.zeros((batch, out, channels, multiplier), Wide)
    h_abs = np.zeros_like(h)
    for s in range(out):
        for k in range(taps):
            t = s * strides + k * dilation_rate - left
            if 0 <= t < steps:  # the padding adds nothing, whatever the weight
                for m in range(multiplier):
                    product = x[:, t, :] * w[k, :, m]
                    h[:, s, :, m] += product
                    h_abs[:, s, :, m] += np.abs(product)
    h = h.reshape(batch, out, channels * multiplier)
    h_abs = h_abs.reshape(h.shape)
    # no matmul: one sum after another, so that 0 * inf stays where it belongs
    y = np.zeros((batch, out, filters), Wide) + bias
    size = np.zeros_like(y) + np.abs(bias)
    for d in range(h.shape[2]):
        y += h[:, :, d, None] * v[d]
        size += h_abs[:, :, d, None] * np.abs(v[d])
    return y, size


def padding_left(steps: int, taps: int, stride: int, dilation: int, padding: str) -> int:
    """Return how many steps of zeros stand before the input."""
    span = (taps - 1) * dilation + 1
    if padding == "causal":
        return span - 1
    if padding == "valid":
        return 0
    out = output_steps(steps, taps, stride, dilation, padding)
    return max((out - 1) * stride + span - steps, 0) // 2


def convolution(
    x_btc: ArrayLike,
    kernel_kcf: ArrayLike,
    bias_f: ArrayLike | None,
    *,
    first: int,
    out: int,
    strides: int = 1,
    dilation_rate: int = 1,
) -> tuple[NDArray[Wide], NDArray[Wide]]:
    """Return y (B, out, F) and the sum of |x||w| of each output.

    Arguments:
        first: the input step of the first output's first tap; there are zeros outside the input.
    """
    x, w = np.asarray(x_btc, Wide), np.asarray(kernel_kcf, Wide)
    batch, steps, _ = x.shape
    taps, _, filters = w.shape
    bias = np.zeros(filters, Wide) if bias_f is None else np.asarray(bias_f, Wide)
    y = np.zeros((batch, out, filters), Wide) + bias
    size = np.zeros_like(y) + np.abs(bias)
    for s in range(out):
        for k in range(taps):
            t = first + s * strides + k * dilation_rate
            if 0 <= t < steps:
                products = x[:, t, :, None] * w[k]
                y[:, s] += products.sum(axis=1)
                size[:, s] += np.abs(products).sum(axis=1)
    return y, size


def depthwise(
    x_btc: ArrayLike,
    kernel_kcm: ArrayLike,
    bias_d: ArrayLike | None,
    *,
    first: int,
    out: int,
    strides: int = 1,
    dilation_rate: int = 1,
) -> tuple[NDArray[Wide], NDArray[Wide]]:
    """Return y (B, out, C*M), whose channel c*M + m reads channel c, and the sums of |x||w|."""
    x, w = np.asarray(x_btc, Wide), np.asarray(kernel_kcm, Wide)
    batch, steps, channels = x.shape
    taps, _, multiplier = w.shape
    bias = np.zeros(channels * multiplier, Wide) if bias_d is None else np.asarray(bias_d, Wide)
    y = np.zeros((batch, out, channels * multiplier), Wide) + bias
    size = np.zeros_like(y) + np.abs(bias)
    for s in range(out):
        for k in range(taps):
            t = first + s * strides + k * dilation_rate
            if 0 <= t < steps:
                product = (x[:, t, :, None] * w[k]).reshape(batch, channels * multiplier)
                y[:, s] += product
                size[:, s] += np.abs(product)
    return y, size


def tolerance(size: NDArray[Wide], operations: int, dtype: np.dtype) -> NDArray[Wide]:
    """Return gamma_n * sum |x||w|, the bound of a sum of n rounded products in any order.

    N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., (3.5).
    """
    unit = Wide(np.finfo(dtype).eps) / 2
    return operations * unit / (1 - operations * unit) * size + np.finfo(dtype).tiny


def separable_conv1d_gradients(
    x_btc: ArrayLike,
    depthwise_kcm: ArrayLike,
    pointwise_df: ArrayLike,
    g_bsf: ArrayLike,
    *,
    strides: int = 1,
    padding: str = "valid",
    dilation_rate: int = 1,
) -> tuple[list[NDArray[Wide]], list[NDArray[Wide]]]:
    """Return the gradients of sum(g * y) by x, both kernels and the bias, before the activation.

    After them come the sums of the sizes of the products in each of their elements.
    """
    x, w, g = (np.asarray(a, Wide) for a in (x_btc, depthwise_kcm, g_bsf))
    batch, steps, channels = x.shape
    taps, _, multiplier = w.shape
    out, filters = g.shape[1:]
    v = np.asarray(pointwise_df, Wide).reshape(channels, multiplier, filters)
    left = padding_left(steps, taps, strides, dilation_rate, padding)

    by_h = np.zeros((batch, out, channels, multiplier), Wide)
    by_h_abs = np.zeros_like(by_h)
    for f in range(filters):
        product = g[:, :, None, None, f] * v[:, :, f]
        by_h += product
        by_h_abs += np.abs(product)
    dx, dw, h = np.zeros_like(x), np.zeros_like(w), np.zeros_like(by_h)
    dx_abs, dw_abs, h_abs = np.zeros_like(x), np.zeros_like(w), np.zeros_like(by_h)
    for s in range(out):
        for k in range(taps):
            t = s * strides + k * dilation_rate - left
            if 0 <= t < steps:  # the padding adds nothing, whatever the weight
                for m in range(multiplier):
                    dx[:, t] += by_h[:, s, :, m] * w[k, :, m]
                    dx_abs[:, t] += by_h_abs[:, s, :, m] * np.abs(w[k, :, m])
                    h[:, s, :, m] += x[:, t] * w[k, :, m]
                    h_abs[:, s, :, m] += np.abs(x[:, t] * w[k, :, m])
                    for b in range(batch):
                        dw[k, :, m] += by_h[b, s, :, m] * x[b, t]
                        dw_abs[k, :, m] += by_h_abs[b, s, :, m] * np.abs(x[b, t])
    dv = np.zeros((channels, multiplier, filters), Wide)
    db, dv_abs, db_abs = np.zeros(filters, Wide), np.zeros_like(dv), np.zeros(filters, Wide)
    for b in range(batch):
        for s in range(out):
            dv += h[b, s, :, :, None] * g[b, s]
            dv_abs += h_abs[b, s, :, :, None] * np.abs(g[b, s])
            db += g[b, s]
            db_abs += np.abs(g[b, s])
    depth = channels * multiplier
    return [dx, dw, dv.reshape(1, depth, filters), db], [
        dx_abs,
        dw_abs,
        dv_abs.reshape(1, depth, filters),
        db_abs,
    ]


def convolution_gradients(
    x_btc: ArrayLike,
    kernel_kcf: ArrayLike,
    g_bsf: ArrayLike,
    *,
    first: int,
    strides: int = 1,
    dilation_rate: int = 1,
) -> tuple[list[NDArray[Wide]], list[NDArray[Wide]]]:
    """Return the gradients of sum(g * y) by x, the kernel and the bias, before the activation.

    After them come the sums of the sizes of the products in each of their elements.
    """
    x, w, g = (np.asarray(a, Wide) for a in (x_btc, kernel_kcf, g_bsf))
    found = [np.zeros_like(x), np.zeros_like(w), g.sum(axis=(0, 1))]
    sizes = [np.zeros_like(x), np.zeros_like(w), np.abs(g).sum(axis=(0, 1))]
    for s in range(g.shape[1]):
        for k in range(len(w)):
            t = first + s * strides + k * dilation_rate
            if 0 <= t < x.shape[1]:  # the padding adds nothing
                by_x, by_w = g[:, s, None] * w[k], x[:, t, :, None] * g[:, s, None]
                for (dx, dw, _), change in ((found, lambda a: a), (sizes, np.abs)):
                    dx[:, t] += change(by_x).sum(axis=2)
                    dw[k] += change(by_w).sum(axis=0)
    return found, sizes


def depthwise_gradients(
    x_btc: ArrayLike,
    kernel_kcm: ArrayLike,
    g_bsd: ArrayLike,
    *,
    first: int,
    strides: int = 1,
    dilation_rate: int = 1,
) -> tuple[list[NDArray[Wide]], list[NDArray[Wide]]]:
    """Return what `convolution_gradients` does, for a depthwise convolution alone."""
    x, w, g = (np.asarray(a, Wide) for a in (x_btc, kernel_kcm, g_bsd))
    found = [np.zeros_like(x), np.zeros_like(w), g.sum(axis=(0, 1))]
    sizes = [np.zeros_like(x), np.zeros_like(w), np.abs(g).sum(axis=(0, 1))]
    for s in range(g.shape[1]):
        g_bcm = g[:, s].reshape(len(g), *w.shape[1:])
        for k in range(len(w)):
            t = first + s * strides + k * dilation_rate
            if 0 <= t < x.shape[1]:  # the padding adds nothing
                by_x, by_w = g_bcm * w[k], x[:, t, :, None] * g_bcm
                for (dx, dw, _), change in ((found, lambda a: a), (sizes, np.abs)):
                    dx[:, t] += change(by_x).sum(axis=2)
                    dw[k] += change(by_w).sum(axis=0)
    return found, sizes

# Separable and depthwise convolutions, a part of _core.pyx.


cdef class Plan(TilePlan):
    """A separable convolution: a `TilePlan` that keeps the depthwise half in working memory.

    Args:
        depthwise_kernel: (K, C, M), float32 or float64.
        pointwise_kernel: (1, C*M, F) or (C*M, F), same dtype.
        The others are those of `TilePlan`.

    >>> import numpy as np
    >>> plan = Plan(np.ones((3, 2, 1)), np.ones((2, 4)), None, strides=1, padding="valid",
    ...             dilation_rate=1, channels_first=False)
    >>> plan(np.ones((1, 5, 2)))[0, 0]
    array([6., 6., 6., 6.])
    """

    def __cinit__(
        self, depthwise_kernel, pointwise_kernel, bias, *, strides, padding, dilation_rate,
        channels_first, activation="linear", parameters=(), dtype=None,
    ):
        cdef cnp.ndarray depthwise = _weights("depthwise_kernel", depthwise_kernel)
        cdef cnp.ndarray pointwise = _weights("pointwise_kernel", pointwise_kernel)
        cdef cnp.ndarray offsets = None if bias is None else _weights("bias", bias)
        taps, channels, multiplier = _sizes("depthwise_kernel", "(K, C, M)", depthwise)
        shape = (<object>pointwise).shape
        if len(shape) == 3 and shape[0] == 1:
            shape = shape[1:]
        if len(shape) != 2 or shape[0] != channels * multiplier or shape[1] == 0:
            raise ValueError(
                "pointwise_kernel must be (1, C*M, F) or (C*M, F) with C*M = "
                f"{channels * multiplier}, got {(<object>pointwise).shape}"
            )
        filters = shape[1]
        _check_one_dtype(depthwise, pointwise)
        _check_bias(offsets, filters, depthwise)
        self._declare(
            depthwise.dtype, (taps, channels, multiplier, filters), strides, padding,
            dilation_rate, channels_first, activation, tuple(parameters), dtype,
        )
        self.plan.finite_depthwise = all_finite(depthwise)
        self.plan.step_work = channels * multiplier * (taps + filters)
        stored = _stored_index(self.dtype, depthwise.dtype)
        cdef int order = self.plan.channels_first
        self._choose(kernels.tile[stored][order], kernels.split[stored][order], pointwise)
        self._pack(depthwise, pointwise, offsets, depthwise.itemsize)


cdef class DepthwisePlan(TilePlan):
    """A depthwise convolution alone: a `TilePlan`, whose filters are the C*M channels.

    Args:
        kernel: (K, C, M), float32 or float64; channel c*M + m of y reads channel c of x.
        The others are those of `TilePlan`.

    >>> import numpy as np
    >>> plan = DepthwisePlan(np.ones((3, 2, 1)), None, padding="same", channels_first=False)
    >>> plan(np.ones((1, 4, 2)))[0, :, 0]
    array([2., 3., 3., 2.])
    """

    def __cinit__(
        self, kernel, bias, *, padding, channels_first, strides=1, dilation_rate=1,
        activation="linear", parameters=(), dtype=None,
    ):
        cdef cnp.ndarray weights = _weights("kernel", kernel)
        cdef cnp.ndarray offsets = None if bias is None else _weights("bias", bias)
        taps, channels, multiplier = _sizes("kernel", "(K, C, M)", weights)
        filters = channels * multiplier
        _check_bias(offsets, filters, weights)
        self._declare(
            weights.dtype, (taps, channels, multiplier, filters), strides, padding, dilation_rate,
            channels_first, activation, tuple(parameters), dtype,
        )
        self.plan.finite_depthwise = all_finite(weights)
        self.plan.step_work = filters * taps
        stored = _stored_index(self.dtype, weights.dtype)
        self.tile = kernels.depthwise[stored][self.plan.channels_first]
        self._pack(weights, None, offsets, weights.itemsize)

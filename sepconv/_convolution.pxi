# Convolutions of all channels, a part of _core.pyx.


cdef class ConvolutionPlan(TilePlan):
    """A convolution of all channels: a `TilePlan`. With one tap it is a matrix product.

    Args:
        kernel: (K, C, F), float32 or float64.
        rows: with one tap, each step is a row of its own: its bits depend on no other.
        The others are those of `TilePlan`.

    >>> import numpy as np
    >>> plan = ConvolutionPlan(np.ones((3, 2, 4)), None, padding="causal", channels_first=False)
    >>> plan(np.ones((1, 5, 2)))[0, :, 0]
    array([2., 4., 6., 6., 6.])
    """

    cdef WeightKernels weight_kernels
    cdef object weights_dtype
    cdef object infinite  # (kernel, bias, arguments) if the kernel is not all finite, else None

    def __cinit__(
        self, kernel, bias, *, padding, channels_first, strides=1, dilation_rate=1,
        activation="linear", parameters=(), dtype=None, rows=False,
    ):
        cdef cnp.ndarray weights = _weights("kernel", kernel)
        cdef cnp.ndarray offsets = None if bias is None else _weights("bias", bias)
        taps, channels, filters = _sizes("kernel", "(K, C, F)", weights)
        if rows and taps > 1:
            raise ValueError(f"rows are steps of their own, which {taps} taps join")
        _check_bias(offsets, filters, weights)
        self._declare(
            weights.dtype, (taps, channels, 1, filters), strides, padding, dilation_rate,
            channels_first, activation, tuple(parameters), dtype,
        )
        self.plan.classes = self.plan.phases = 1  # windows are gathered, whatever their steps
        self.plan.step_work = taps * channels * filters
        stored = _stored_index(self.dtype, weights.dtype)
        cdef int order = self.plan.channels_first
        self.rows = rows
        self.tile = kernels.convolution[stored][order]
        if not rows:  # tiles are chosen by the number of steps
            self._choose(self.tile, kernels.split_convolution[stored][order], weights)
        self._pack(None, weights, offsets, weights.itemsize)
        self.weights_dtype = weights.dtype
        cdef int index = dtype_index(cnp.PyArray_TYPE(weights))
        split = &kernels.split_weight_gradient[index]
        suited = split.suits != NULL and split.suits(self.plan)
        self.weight_kernels = split[0] if suited else kernels.weight_gradient[index]
        if taps > 1 and not np.isfinite(weights).all():
            arguments = {
                "padding": padding, "channels_first": channels_first, "strides": strides,
                "dilation_rate": dilation_rate, "activation": activation,
                "parameters": parameters, "dtype": dtype,
            }
            copies = weights.copy(), None if offsets is None else offsets.copy()
            self.infinite = (*copies, arguments)

    cdef cnp.ndarray _compute(self, cnp.ndarray array, Call& call, object out):
        y = TilePlan._compute(self, array, call, out)
        if self.infinite is not None:
            self._leave_out_padding(array, y, -call.pad_left)
        return y

    def weight_gradients(self, x, g):
        """Return the gradients of sum(g * y) by the kernel and the bias, before the activation.

        Args:
            x: (B, T, C), or (B, C, T), C-contiguous, of the weights' dtype.
            g: (B, S, F), or (B, F, S), likewise.

        Returns:
            (K, C, F), (F,).

        Raises:
            TypeError: an array of another dtype.
            ValueError: a shape or layout that does not fit.
            MemoryError: no memory for the gradients or the working memory.

        >>> import numpy as np
        >>> plan = ConvolutionPlan(np.ones((2, 1, 1)), None, padding="valid", channels_first=False)
        >>> d_kernel, d_bias = plan.weight_gradients(
        ...     np.array([[[1.0], [2.0], [3.0]]]), np.array([[[1.0], [10.0]]]))
        >>> d_kernel[:, 0, 0], d_bias
        (array([21., 32.]), array([11.]))
        """
        plan = &self.plan
        cdef int channel_axis = 1 if plan.channels_first else 2
        cdef cnp.ndarray inputs = checked_tensor(
            "x", x, self.weights_dtype, channel_axis, plan.channels
        )
        cdef cnp.ndarray outputs = checked_tensor(
            "g", g, self.weights_dtype, channel_axis, plan.filters
        )
        cdef cnp.npy_intp* shape = cnp.PyArray_DIMS(inputs)
        cdef WeightCall call
        call.call.batch, call.call.steps = shape[0], shape[3 - channel_axis]
        call.call.out_steps = self.output_steps(call.call.steps)
        call.call.pad_left = padding_left(self.plan, call.call.steps)
        check_outputs(g, 3 - channel_axis, call.call.batch, call.call.out_steps)
        cdef cnp.ndarray d_kernel = np.zeros(
            (plan.taps, plan.channels, plan.filters), self.weights_dtype
        )
        cdef cnp.ndarray d_bias = np.zeros(plan.filters, self.weights_dtype)
        if call.call.batch > 0 and call.call.out_steps > 0:
            call.call.x, call.g = cnp.PyArray_DATA(inputs), cnp.PyArray_DATA(outputs)
            call.d_kernel, call.d_bias = cnp.PyArray_DATA(d_kernel), cnp.PyArray_DATA(d_bias)
            run_weight_gradient(self.plan, self.weight_kernels, call, self.weights_dtype.itemsize)
        return d_kernel, d_bias

    cdef int _leave_out_padding(self, object x, object y, int64_t first) except -1:
        """Compute the outputs over the padding once more, of their taps within x alone.

        The matrix product multiplies padding: by an infinite weight it would give NaN.
        """
        kernel, bias, arguments = self.infinite
        axis = 2 if self.plan.channels_first else 1
        taps, dilation, steps = len(kernel), int(self.plan.dilation), x.shape[axis]
        for s in range(y.shape[axis]):
            row = first + s * self.plan.stride
            begin = min(max(-(row // dilation), 0), taps)
            end = min(max(-((row - steps) // dilation), begin), taps)
            if begin == 0 and end == taps:
                continue
            # An output without a tap is that of a weight of 0.
            inside = kernel[begin:end] if begin < end else np.zeros_like(kernel[:1])
            one = ConvolutionPlan(inside, bias, **arguments).windows(x, row + begin * dilation, 1)
            y[(slice(None),) * axis + (slice(s, s + 1),)] = one
        return 0

# The backward half, a part of _core.pyx.


cdef int check_outputs(object g, int time_axis, int64_t batch, int64_t steps) except -1:
    if g.shape[0] != batch or g.shape[time_axis] != steps:
        raise ValueError(f"g must have {batch} samples of {steps} steps, got shape {g.shape}")
    return 0


cdef class Gradient:
    """The gradients of a plan's linear outputs; immutable, callable from any thread.

    Args:
        plan: a `Plan` or a `DepthwisePlan`, whose activation is left aside.
        depthwise_kernel, pointwise_kernel: the weights that it was made of; the second is left out
            for a `DepthwisePlan`, and so is its gradient.

    Raises:
        ValueError: weights of another shape.

    >>> import numpy as np
    >>> weights = np.ones((3, 2, 1)), np.ones((2, 4))
    >>> plan = Plan(*weights, None, strides=1, padding="valid", dilation_rate=1,
    ...             channels_first=False)
    >>> dx, d_depthwise, d_pointwise, d_bias = Gradient(plan, *weights)(
    ...     np.ones((1, 5, 2)), np.ones((1, 3, 4)))
    >>> dx[0, :, 0]
    array([ 4.,  8., 12.,  8.,  4.])
    >>> d_bias
    array([3., 3., 3., 3.])
    """

    cdef TilePlan plan
    cdef Backward backward
    cdef GradientKernels kernels
    cdef void* memory  # the packed weights
    cdef readonly object dtype

    def __cinit__(self, TilePlan plan not None, depthwise_kernel, pointwise_kernel=None):
        if not isinstance(plan, Plan if pointwise_kernel is not None else DepthwisePlan):
            raise TypeError(f"the weights are not those of a {type(plan).__name__}")
        cdef cnp.ndarray depthwise = _weights("depthwise_kernel", depthwise_kernel)
        cdef int64_t filters = 0 if pointwise_kernel is None else plan.filters
        depth = plan.channels * plan.depth_multiplier
        cdef cnp.ndarray pointwise = _weights(
            "pointwise_kernel",
            np.empty((depth, 0), depthwise.dtype) if pointwise_kernel is None else pointwise_kernel,
        )
        wanted = (plan.kernel_size, plan.channels, plan.depth_multiplier)
        if (<object>depthwise).shape != wanted or pointwise.size != depth * filters:
            raise ValueError(
                f"the plan's weights have shapes {wanted} and (1, {depth}, {filters}), "
                f"got {(<object>depthwise).shape} and {(<object>pointwise).shape}"
            )
        _check_one_dtype(depthwise, pointwise)
        self.plan, self.dtype = plan, depthwise.dtype
        cdef int index = dtype_index(cnp.PyArray_TYPE(depthwise))
        self.backward.plan = plan.plan
        self.backward.plan.filters = filters
        self.kernels = kernels.gradient[index]
        split = &kernels.split_gradient[index]
        if split.suits != NULL and split.suits(self.backward.plan, cnp.PyArray_DATA(pointwise)):
            self.kernels = split[0]
        self.kernels.panels(self.backward.plan, self.backward.panels)
        size = (self.kernels.packed_bytes(self.backward) + 63) // 64 * 64
        self.memory = aligned_alloc(64, size)
        if self.memory == NULL:
            raise MemoryError(f"no memory for {size} bytes of packed weights")
        self.backward.packed = self.memory
        self.kernels.pack(
            self.backward, cnp.PyArray_DATA(depthwise), cnp.PyArray_DATA(pointwise), self.memory
        )

    def __dealloc__(self):
        free(self.memory)

    def __call__(self, x, g, *, relu_output=None, input_gradient=True):
        """Return the gradients of sum(g * y) by x, both kernels and the bias.

        Args:
            x: (B, T, C), or (B, C, T), C-contiguous, of the weights' dtype.
            g: (B, S, F), or (B, F, S), likewise.
            relu_output: of g's shape; g counts only where it is above 0.
            input_gradient: whether the first is wanted; without it, it is None.

        Returns:
            (B, T, C) or (B, C, T), (K, C, M), (1, C*M, F), (F,); (1, C*M, F) only of a `Plan`.

        Raises:
            TypeError: an array of another dtype.
            ValueError: a shape or layout that does not fit.
            MemoryError: no memory for the gradients or the working memory.
        """
        cdef PlanStruct* plan = &self.backward.plan
        cdef int channel_axis = 1 if plan.channels_first else 2
        cdef cnp.ndarray inputs = checked_tensor("x", x, self.dtype, channel_axis, plan.channels)
        cdef cnp.ndarray outputs = checked_tensor(
            "g", g, self.dtype, channel_axis, self.plan.filters
        )
        cdef cnp.npy_intp* shape = cnp.PyArray_DIMS(inputs)
        cdef GradientCall call
        call.batch, call.steps = shape[0], shape[3 - channel_axis]
        call.out_steps = self.plan.output_steps(call.steps)
        call.pad_left = padding_left(plan[0], call.steps)
        check_outputs(g, 3 - channel_axis, call.batch, call.out_steps)
        call.y = NULL
        if relu_output is not None:
            if (<object>checked_input(relu_output, self.dtype, "relu_output")).shape != g.shape:
                raise ValueError(
                    f"relu_output must have g's shape {g.shape}, got {relu_output.shape}"
                )
            call.y = cnp.PyArray_DATA(relu_output)
        call.x, call.g = cnp.PyArray_DATA(inputs), cnp.PyArray_DATA(outputs)

        any_steps = call.batch > 0 and call.out_steps > 0
        make = np.empty if any_steps else np.zeros
        cdef cnp.ndarray d_depthwise = make((plan.taps, plan.channels, plan.multiplier), self.dtype)
        cdef cnp.ndarray d_pointwise = make(
            (1, plan.channels * plan.multiplier, plan.filters), self.dtype
        )
        cdef cnp.ndarray d_bias = make(self.plan.filters, self.dtype)
        cdef cnp.ndarray dx = None
        call.dx = NULL
        if input_gradient:
            # Steps that no window reads are left as they are.
            all_read = plan.stride == 1 and plan.dilation <= call.out_steps
            dx = (np.empty if all_read else np.zeros)(x.shape, self.dtype)
            call.dx = cnp.PyArray_DATA(dx)
        if any_steps:
            call.d_depthwise = cnp.PyArray_DATA(d_depthwise)
            call.d_pointwise = cnp.PyArray_DATA(d_pointwise)
            call.d_bias = cnp.PyArray_DATA(d_bias)
            self._run(call)
        if plan.filters == 0:
            return dx, d_depthwise, d_bias
        return dx, d_depthwise, d_pointwise, d_bias

    cdef int _run(self, GradientCall& call) except -1:
        cdef GradientCut cut = gradient_cut(self.backward, self.kernels, call, threads)
        size = int(cut.partitions) * self.backward.panels.sums_size * self.dtype.itemsize
        call.sums = aligned_alloc(64, (size + 63) // 64 * 64)
        if call.sums == NULL:
            raise MemoryError(f"no memory for {size} bytes of sums")
        try:
            self._run_rounds(call, cut)
        finally:
            free(call.sums)
        return 0

    cdef int _run_rounds(self, const GradientCall& call, const GradientCut& cut) except -1:
        cdef int64_t cells = cut.partitions * cut.blocks, cell, index
        cdef int failed
        for turn in range(cut.rounds):
            failed = run_cells(self.backward, self.kernels, call, cut, turn, cells)
            if failed:
                raise MemoryError("no memory for the working memory of a thread")
            PyErr_CheckSignals()
        with nogil:
            for index in prange(
                self.backward.panels.count, num_threads=cut.threads, use_threads_if=cut.threads > 1
            ):
                self.kernels.reduce(self.backward, call, cut, index)
        return 0


cdef int run_cells(
    const Backward& backward, const GradientKernels& kernels, const GradientCall& call,
    const GradientCut& cut, int64_t turn, int64_t cells,
) noexcept:
    """One round of the grid. Returns how many cells found no memory."""
    cdef int failed = 0
    cdef int64_t cell
    with nogil:
        if cut.threads == 1:
            for cell in range(cells):
                failed += run_gradient_job(backward, kernels, call, cut, turn, cell)
        else:
            for cell in prange(cells, schedule="dynamic", num_threads=cut.threads):
                failed += run_gradient_job(backward, kernels, call, cut, turn, cell)
    return failed

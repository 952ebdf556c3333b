# What all convolutions have: packed weights, the parallel loop over jobs; a part of _core.pyx.


cdef int run_jobs(
    const PlanStruct& plan, const TileKernels& tile, const Call& call, const Schedule& plan_of_work,
    int64_t first, int64_t end,
) noexcept nogil:
    """The parallel loop. Returns how many jobs found no memory."""
    cdef int failed = 0
    cdef int64_t job
    cdef int n = plan_of_work.threads
    if n == 1:
        for job in range(first, end):
            failed += run_job(plan, tile, call, plan_of_work, job)
        return failed
    if end - first <= 4 * n:  # the thread of the call before has its part of x, y and weights near
        for job in prange(first, end, schedule="static", num_threads=n):
            failed += run_job(plan, tile, call, plan_of_work, job)
        return failed
    # Runs of neighbours: a job fetches the beginning of the next one's x ahead.
    cdef int64_t run = max((end - first) // (8 * n), 1)
    for job in prange(first, end, schedule="dynamic", chunksize=run, num_threads=n):
        failed += run_job(plan, tile, call, plan_of_work, job)
    return failed


cdef class TilePlan:
    """A layer with its weights packed once; immutable, callable from any thread.

    Of its children each has weights of its own, and these arguments:
        bias: (F,), of the weights' dtype, or None.
        strides, dilation_rate: in 1..2**31-1.
        padding: "valid", "same" or "causal".
        channels_first: x is (B, C, T) and y (B, F, S) instead of (B, T, C) and (B, S, F).
        activation: a key of `ACTIVATIONS`; `parameters`: as many floats as it takes.
        dtype: of x and y; by default that of the weights. float16 and bfloat16 are computed in
            float32 and take float32 weights.

    Raises:
        TypeError: a dtype other than these, or weights of several.
        ValueError: a shape or value that does not fit.
    """

    cdef PlanStruct plan
    cdef TileKernels tile
    cdef void* memory  # the packed weights
    cdef readonly object dtype
    cdef readonly str padding, activation
    cdef readonly tuple parameters
    cdef readonly bint rows  # whether each step is a row of its own

    cdef int _declare(
        self, object weights_dtype, tuple sizes, object strides, object padding,
        object dilation_rate, bint channels_first, str activation, tuple parameters, object dtype,
    ) except -1:
        """Set what all layers have; `sizes` are taps, channels, multiplier and filters."""
        if padding not in ("valid", "same", "causal"):
            raise ValueError(f'padding must be "valid", "same" or "causal", got {padding!r:.200}')
        self.dtype = weights_dtype if dtype is None else np.dtype(dtype)
        self.padding, self.activation, self.parameters = padding, activation, parameters
        plan = &self.plan
        plan.taps, plan.channels, plan.multiplier, plan.filters = sizes
        plan.stride = _size("strides", strides)
        plan.dilation = _size("dilation_rate", dilation_rate)
        common = gcd(strides, dilation_rate)
        phases = strides // common
        plan.classes, plan.phases = dilation_rate // common, phases
        # Offsets into x are formed for a block of outputs, 12 at most, before they are compared.
        taps, channels, _, _ = sizes
        reach = (12 * phases + taps) * int(dilation_rate)
        if reach * channels >= max_size:
            raise ValueError(
                f"strides={strides} and dilation_rate={dilation_rate} are too large for {taps} taps"
                f" of {channels} channels"
            )
        plan.same = padding != "valid"
        plan.causal = padding == "causal"
        plan.channels_first = channels_first
        return fill_epilogue(plan.epilogue, activation, parameters)

    cdef int _choose(
        self, TileKernels plain, TileKernels split, cnp.ndarray pointwise
    ) except -1:
        """Take the kernels for these weights: `split`, if there are such, where they suit."""
        suited = split.suits != NULL and split.suits(self.plan, cnp.PyArray_DATA(pointwise))
        self.tile = split if suited else plain
        return 0

    cdef int _pack(
        self, cnp.ndarray depthwise, cnp.ndarray pointwise, cnp.ndarray bias, int64_t item
    ) except -1:
        tile = &self.tile
        self.plan.strip = tile.strip(self.plan)
        self.plan.scratch_bytes = tile.scratch_bytes(self.plan)
        cdef PackedSizes sizes = tile.packed_sizes(self.plan)
        counts = (sizes.depthwise, sizes.pointwise, sizes.bias)
        lengths = [(n * item + 63) // 64 * 64 for n in counts]
        self.memory = aligned_alloc(64, sum(lengths))
        if self.memory == NULL:
            raise MemoryError(f"no memory for {sum(lengths)} bytes of packed weights")
        base = <char*>self.memory
        self.plan.depthwise = base
        self.plan.pointwise = base + <int64_t>lengths[0]
        self.plan.bias = base + <int64_t>(lengths[0] + lengths[1])
        tile.pack(
            self.plan, NULL if depthwise is None else cnp.PyArray_DATA(depthwise),
            NULL if pointwise is None else cnp.PyArray_DATA(pointwise),
            NULL if bias is None else cnp.PyArray_DATA(bias),
        )
        return 0

    def __dealloc__(self):
        free(self.memory)

    @property
    def channels(self):
        return self.plan.channels

    @property
    def filters(self):
        return self.plan.filters

    @property
    def kernel_size(self):
        return self.plan.taps

    @property
    def depth_multiplier(self):
        return self.plan.multiplier

    @property
    def strides(self):
        return self.plan.stride

    @property
    def dilation_rate(self):
        return self.plan.dilation

    @property
    def channels_first(self):
        return self.plan.channels_first

    cpdef int64_t output_steps(self, int64_t steps) except -1:
        """Return S for an input of `steps` steps; a ValueError if nothing is left."""
        if not 0 <= steps < max_size:
            raise ValueError(f"steps must be in 0..2**61-1, got {steps}")
        cdef int64_t out = output_steps(self.plan, steps)
        if out <= 0 and not self.plan.same:
            raise ValueError(
                "Computed output size would be zero or negative. Received: "
                f"steps={steps}, kernel_size={self.plan.taps}, strides={self.plan.stride}, "
                f"dilation_rate={self.plan.dilation}, padding={self.padding!r}, "
                f"which needs at least {(self.plan.taps - 1) * self.plan.dilation + 1} steps"
            )
        return out

    def padding_left(self, int64_t steps):
        """Return how many steps of zeros stand before an input of `steps` steps."""
        self.output_steps(steps)  # which refuses what has none
        return padding_left(self.plan, steps)

    def __call__(self, x, out=None):
        """Return y for x, both C-contiguous arrays of the plan's dtype; written to `out` if given.

        Raises:
            TypeError: x is no array of the dtype.
            ValueError: a shape or layout that does not fit, or an `out` that overlaps x.
            MemoryError: no memory for y or the working memory.
        """
        cdef Call call
        cdef cnp.ndarray array = self._input(x, call)
        call.out_steps = self.output_steps(call.steps)
        call.pad_left = padding_left(self.plan, call.steps)
        return self._compute(array, call, out)

    def windows(self, x, first, steps, out=None):
        """Return y of `steps` steps, whose windows begin at the steps first, first + strides, ...

        What lies before the first step of x and after its last one counts as zeros. The padding of
        the plan is left aside. Raises as a call does.

        >>> import numpy as np
        >>> plan = ConvolutionPlan(np.ones((2, 1, 1)), None, padding="valid", channels_first=False)
        >>> plan.windows(np.ones((1, 3, 1)), -2, 6)[0, :, 0]
        array([0., 1., 2., 2., 1., 0.])
        """
        cdef Call call
        cdef cnp.ndarray array = self._input(x, call)
        plan = &self.plan
        reach = abs(first) + (steps + 12) * int(plan.stride) + plan.taps * int(plan.dilation)
        if steps < 0 or (reach + int(call.steps)) * plan.channels >= max_size:
            raise ValueError(f"first={first} and steps={steps} are out of range")
        call.out_steps, call.pad_left = steps, -first
        return self._compute(array, call, out)

    def operation(self):
        """Return the plan as an operation of a `Chain`.

        None for a kernel with padding that is not all finite: its edges are computed apart.
        """
        return _convolution(self)

    cdef cnp.ndarray _input(self, object x, Call& call):
        cdef int channel_axis = 1 if self.plan.channels_first else 2
        cdef cnp.ndarray array = checked_tensor(
            "x", x, self.dtype, channel_axis, self.plan.channels
        )
        cdef cnp.npy_intp* shape = cnp.PyArray_DIMS(array)
        call.batch = shape[0]
        call.steps = shape[3 - channel_axis]
        return array

    cdef cnp.ndarray _compute(self, cnp.ndarray array, Call& call, object out):
        cdef int channel_axis = 1 if self.plan.channels_first else 2
        cdef cnp.npy_intp[3] out_shape
        out_shape[0] = call.batch
        out_shape[channel_axis] = self.plan.filters
        out_shape[3 - channel_axis] = call.out_steps
        cdef cnp.ndarray y = checked_output(out, array, 3, out_shape, False)
        if call.batch == 0 or call.out_steps == 0:
            return y
        call.x = cnp.PyArray_DATA(array)
        call.y = cnp.PyArray_DATA(y)
        self._run(call)
        return y

    cdef int _run(self, const Call& call) except -1:
        cdef Schedule work = schedule(self.plan, self.tile, call, threads)
        cdef int64_t first = 0, end
        cdef int failed
        while True:
            end = min(first + work.jobs_per_chunk, work.jobs)
            with nogil:
                failed = run_jobs(self.plan, self.tile, call, work, first, end)
            if failed:
                raise MemoryError("no memory for the working memory of a thread")
            if end == work.jobs:
                return 0
            first = end
            PyErr_CheckSignals()

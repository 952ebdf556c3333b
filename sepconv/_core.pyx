# cython: language_level=3
"""The convolution core: checks, packing, and the one parallel loop over jobs.

Axes: x is B T C (or B C T), y is B S F; taps K, depth multiplier M.
"""
import os
from math import gcd

import numpy as np

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.stdint cimport int64_t, uintptr_t

from sepconv.threads import MAX_THREADS, default_threads

cnp.import_array()

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t, size_t)

ACTIVATIONS = {
    activation_name(i).decode(): activation_parameters(i) for i in range(activation_count())
}
_ACTIVATION_INDEX = {name: i for i, name in enumerate(ACTIVATIONS)}


def _choose_isa():
    names = [isa_name(i).decode() for i in range(isa_count())]
    usable = [name for i, name in enumerate(names) if isa_supported(i)]
    chosen = os.environ.get("SEPCONV_ISA", "") or usable[-1]
    if chosen not in usable:
        why = "this CPU lacks it" if chosen in names else "this build has no such kernels"
        raise ImportError(f"SEPCONV_ISA must be one of {usable}, got {chosen[:200]!r}: {why}")
    return names.index(chosen), usable


_isa, _available = _choose_isa()
cdef Kernels kernels = kernels_for(_isa)
cdef int threads = default_threads()


def set_num_threads(n):
    """Use up to `n` threads (an integer in 1..1024) from the next call on."""
    global threads
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"n must be an integer, got {n!r:.200} ({type(n).__name__})")
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"n must be in 1..{MAX_THREADS}, got {n!r:.200}")
    threads = n


def get_num_threads():
    """Return the number of threads that a large call uses."""
    return threads


def kernel_info():
    """Return what was built and chosen: a dict for bug reports and benchmarks.

    `tile` is (output steps, filters) of the register tile of the matrix product.
    """
    tile = {
        dtype: {
            layout: (kernels.tile[i][j].steps, kernels.tile[i][j].filters)
            for j, layout in enumerate(("channels_last", "channels_first"))
        }
        for i, dtype in enumerate(("float32", "float64"))
    }
    return {
        "isa": isa_name(_isa).decode(),
        "available": list(_available),
        "vector_bytes": kernels.vector_bytes,
        "tile": tile,
        "openmp": has_openmp(),
        "threads": threads,
        "compiler": compiler().decode(),
    }


def _before_fork():
    global _child_threads
    _child_threads = None if pause_openmp() else 1


def _in_child():
    # Without its parent's workers, and without a way to end them first, a child that starts a
    # parallel region waits for ever.
    if _child_threads is not None:
        set_num_threads(_child_threads)


_child_threads = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)


cdef int dtype_index(int type_num) except -1:
    if type_num == cnp.NPY_FLOAT32:
        return 0
    if type_num == cnp.NPY_FLOAT64:
        return 1
    raise TypeError(f"dtype must be float32 or float64, got {cnp.PyArray_DescrFromType(type_num)}")


STORED = ("float32", "float64", "float16", "bfloat16")  # in the order of the kernels


cdef int fill_epilogue(Epilogue& epilogue, str activation, tuple parameters) except -1:
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {sorted(ACTIVATIONS)}, got {activation!r:.200}"
        )
    if len(parameters) != ACTIVATIONS[activation]:
        raise ValueError(
            f"activation {activation!r} takes {ACTIVATIONS[activation]} parameters,"
            f" got {len(parameters)}"
        )
    epilogue.activation = <Activation><int>_ACTIVATION_INDEX[activation]
    for i in range(max_parameters):
        epilogue.parameters[i] = parameters[i] if i < len(parameters) else 0
    return 0


cdef cnp.ndarray checked_input(object x, object dtype, str name="x"):
    """x as a core input, which is of this dtype; None stands for any that the core computes in."""
    if not cnp.PyArray_Check(x):
        raise TypeError(f"{name} must be a NumPy array, got {type(x).__name__}")
    cdef cnp.ndarray array = x
    if dtype is None:
        dtype_index(cnp.PyArray_TYPE(array))
    if (dtype is not None and array.dtype != dtype) or not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(
            f"{name} must have dtype {dtype or 'float32 or float64'}, got {array.dtype}"
        )
    if not (cnp.PyArray_IS_C_CONTIGUOUS(array) and cnp.PyArray_ISALIGNED(array)):
        raise ValueError(
            f"{name} must be C-contiguous and aligned; np.require({name}, None, 'CA') copies it"
        )
    return array


cdef bint ranges_overlap(cnp.ndarray a, cnp.ndarray b):
    """Whether two C-contiguous arrays share memory."""
    cdef uintptr_t a0 = <uintptr_t>cnp.PyArray_DATA(a), b0 = <uintptr_t>cnp.PyArray_DATA(b)
    return a0 < b0 + <uintptr_t>cnp.PyArray_NBYTES(b) and b0 < a0 + <uintptr_t>cnp.PyArray_NBYTES(a)


cdef cnp.ndarray checked_output(
    object out, cnp.ndarray x, int ndim, cnp.npy_intp* shape, bint in_place
):
    """`out`, or a new array, of this shape and x's dtype; it may be x itself if `in_place`."""
    cdef cnp.ndarray y
    cdef int i
    if out is None:
        return cnp.PyArray_EMPTY(ndim, shape, cnp.PyArray_TYPE(x), 0)
    if not cnp.PyArray_Check(out):
        raise TypeError(f"out must be a NumPy array, got {type(out).__name__}")
    y = out
    wanted = tuple([shape[i] for i in range(ndim)])
    if y.dtype != x.dtype or (<object>y).shape != wanted:
        raise ValueError(
            f"out must be {x.dtype} of shape {wanted}, got {y.dtype} of shape {(<object>y).shape}"
        )
    if not (cnp.PyArray_ISCARRAY(y) and cnp.PyArray_ISNOTSWAPPED(y)):
        raise ValueError("out must be C-contiguous, aligned and writable")
    check_apart(y, x, in_place, "x")
    return y


cdef int check_apart(cnp.ndarray out, cnp.ndarray x, bint in_place, str name) except -1:
    """Refuse an `out` that shares memory with x; it may be x itself if `in_place`."""
    if ranges_overlap(x, out) and not (in_place and cnp.PyArray_DATA(x) == cnp.PyArray_DATA(out)):
        raise ValueError(f"out must not overlap {name}")
    return 0


cdef cnp.ndarray checked_tensor(
    str name, object x, object dtype, int channel_axis, int64_t channels
):
    """x as a core input of three axes with so many channels."""
    cdef cnp.ndarray array = checked_input(x, dtype, name)
    if cnp.PyArray_NDIM(array) != 3 or cnp.PyArray_DIMS(array)[channel_axis] != channels:
        raise ValueError(
            f"{name} must have 3 dimensions and {channels} channels "
            f"on axis {channel_axis}, got shape {x.shape}"
        )
    return array


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

    cdef int _pack(
        self, TileKernels tile, cnp.ndarray depthwise, cnp.ndarray pointwise, cnp.ndarray bias,
        int64_t item,
    ) except -1:
        self.tile = tile
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

    def output_steps(self, int64_t steps):
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
        self.plan.finite_depthwise = bool(np.isfinite(depthwise).all())
        self.plan.step_work = channels * multiplier * (taps + filters)
        stored = _stored_index(self.dtype, depthwise.dtype)
        self._pack(
            kernels.tile[stored][self.plan.channels_first], depthwise, pointwise, offsets,
            depthwise.itemsize,
        )


cdef class ConvolutionPlan(TilePlan):
    """A convolution of all channels: a `TilePlan`. With one tap it is a matrix product.

    Args:
        kernel: (K, C, F), float32 or float64.
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
        activation="linear", parameters=(), dtype=None,
    ):
        cdef cnp.ndarray weights = _weights("kernel", kernel)
        cdef cnp.ndarray offsets = None if bias is None else _weights("bias", bias)
        taps, channels, filters = _sizes("kernel", "(K, C, F)", weights)
        _check_bias(offsets, filters, weights)
        self._declare(
            weights.dtype, (taps, channels, 1, filters), strides, padding, dilation_rate,
            channels_first, activation, tuple(parameters), dtype,
        )
        self.plan.classes = self.plan.phases = 1  # windows are gathered, whatever their steps
        self.plan.step_work = taps * channels * filters
        stored = _stored_index(self.dtype, weights.dtype)
        self._pack(
            kernels.convolution[stored][self.plan.channels_first], None, weights, offsets,
            weights.itemsize,
        )
        self.weights_dtype = weights.dtype
        self.weight_kernels = kernels.weight_gradient[dtype_index(cnp.PyArray_TYPE(weights))]
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
        self.plan.finite_depthwise = bool(np.isfinite(weights).all())
        self.plan.step_work = filters * taps
        stored = _stored_index(self.dtype, weights.dtype)
        self._pack(
            kernels.depthwise[stored][self.plan.channels_first], weights, None, offsets,
            weights.itemsize,
        )


def _sizes(name, axes, array):
    if len(array.shape) != 3 or 0 in array.shape:
        raise ValueError(f"{name} must be {axes}, none of them 0, got {array.shape}")
    return array.shape


def _check_one_dtype(array, other):
    if other.dtype != array.dtype:
        raise TypeError(f"weights must have one dtype, got {array.dtype} and {other.dtype}")


def _check_bias(bias, filters, weights):
    if bias is None:
        return
    if bias.shape != (filters,):
        raise ValueError(f"bias must be ({filters},), got {bias.shape}")
    _check_one_dtype(weights, bias)


def _weights(name, array):
    """The array, C-contiguous, aligned and native."""
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


def _stored_index(dtype, weights):
    wide = "float32" if dtype.itemsize == 2 else dtype.name
    if dtype.name not in STORED or not dtype.isnative or weights.name != wide:
        raise TypeError(
            "dtype must be that of the weights, or a 16-bit float with float32 weights, "
            f"got {dtype} with {weights}"
        )
    return STORED.index(dtype.name)


def _size(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r:.200} ({type(value).__name__})")
    if not 1 <= value < 2**31:
        raise ValueError(f"{name} must be in 1..2**31-1, got {value!r:.200}")
    return value


cdef int64_t ACTIVATE_CHUNK = 1 << 16  # elements, 15 to 200 us of work


def activate(x, str activation, parameters=(), out=None):
    """Apply an elementwise activation, with the code that is fused into the convolution.

    Args:
        x: a C-contiguous float32 or float64 array of any shape.
        activation: a key of `ACTIVATIONS`; `parameters`: as many floats as it takes.
        out: an array like x, or x itself.

    >>> import numpy as np
    >>> activate(np.array([-1.0, 2.0]), "leaky_relu", (0.5,))
    array([-0.5,  2. ])
    """
    cdef Epilogue epilogue
    fill_epilogue(epilogue, activation, tuple(parameters))
    cdef cnp.ndarray array = checked_input(x, None)
    cdef cnp.ndarray y = checked_output(
        out, array, cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array), True
    )
    cdef int64_t n = cnp.PyArray_SIZE(array), item = cnp.PyArray_ITEMSIZE(array)
    cdef int64_t chunks = (n + ACTIVATE_CHUNK - 1) // ACTIVATE_CHUNK, i
    cdef const char* source = <const char*>cnp.PyArray_DATA(array)
    cdef char* target = <char*>cnp.PyArray_DATA(y)
    cdef int workers = min(threads, max(chunks, 1))
    cdef Activate function = kernels.activate[dtype_index(cnp.PyArray_TYPE(array))]
    with nogil:
        for i in prange(chunks, num_threads=workers, use_threads_if=workers > 1):
            function(
                epilogue, source + i * ACTIVATE_CHUNK * item, target + i * ACTIVATE_CHUNK * item,
                min(ACTIVATE_CHUNK, n - i * ACTIVATE_CHUNK),
            )
    return y


def activate_gradient(x, dy, str activation, parameters=(), out=None):
    """Return dy * f'(x), the gradient by x of sum(dy * f(x)) for an elementwise activation f.

    At a kink f' is that of Keras on JAX. Where it is 0 the result is 0, whatever dy is.

    Args:
        x: a C-contiguous float32 or float64 array of any shape: what f was applied to.
        dy: an array like x.
        activation: a key of `ACTIVATIONS`; `parameters`: as many floats as it takes.
        out: an array like x, or x or dy itself.

    >>> import numpy as np
    >>> activate_gradient(np.array([-1.0, 2.0]), np.array([10.0, 10.0]), "leaky_relu", (0.5,))
    array([ 5., 10.])
    """
    cdef Epilogue epilogue
    fill_epilogue(epilogue, activation, tuple(parameters))
    cdef cnp.ndarray array = checked_input(x, None)
    cdef cnp.ndarray given = checked_input(dy, array.dtype, "dy")
    if dy.shape != x.shape:
        raise ValueError(f"dy must have the shape of x, {x.shape}, got {dy.shape}")
    cdef cnp.ndarray dx = checked_output(
        out, array, cnp.PyArray_NDIM(array), cnp.PyArray_DIMS(array), True
    )
    check_apart(dx, given, True, "dy")
    cdef int64_t n = cnp.PyArray_SIZE(array), step = ACTIVATE_CHUNK * cnp.PyArray_ITEMSIZE(array)
    cdef int64_t chunks = (n + ACTIVATE_CHUNK - 1) // ACTIVATE_CHUNK, i
    cdef const char* x_data = <const char*>cnp.PyArray_DATA(array)
    cdef const char* dy_data = <const char*>cnp.PyArray_DATA(given)
    cdef char* dx_data = <char*>cnp.PyArray_DATA(dx)
    cdef int workers = min(threads, max(chunks, 1))
    cdef ActivateGradient function = kernels.activate_gradient[
        dtype_index(cnp.PyArray_TYPE(array))
    ]
    with nogil:
        for i in prange(chunks, num_threads=workers, use_threads_if=workers > 1):
            function(
                epilogue, x_data + i * step, dy_data + i * step, dx_data + i * step,
                min(ACTIVATE_CHUNK, n - i * ACTIVATE_CHUNK),
            )
    return dx


cdef cnp.ndarray like_weights(str name, object array, object w, bint written):
    """`array`, of the dtype and shape of `w` and C-contiguous."""
    cdef cnp.ndarray found
    if not cnp.PyArray_Check(array) or array.dtype != w.dtype or array.shape != w.shape:
        raise ValueError(f"{name} must be an array of {w.dtype} and shape {w.shape}")
    found = array
    if not (cnp.PyArray_ISCARRAY(found) if written else cnp.PyArray_ISCARRAY_RO(found)):
        raise ValueError(f"{name} must be C-contiguous, aligned{' and writable' * written}")
    return found


RULES = ("sgd", "adam", "rmsprop")  # in the order of the kernels
NEEDED_SLOTS = (0, 2, 1)


def updated_weights(str rule, w, g, tuple slots, tuple rates, tuple factors):
    """Return a variable's new value; the optimizer's `slots` of it change in place.

    Args:
        rule: one of `RULES`.
        w, g: weights and their gradient, float32 or float64 arrays of one shape.
        slots: writable arrays like w, or None: sgd (momentum,), adam (momentum, velocity,
            largest velocity), rmsprop (velocity, momentum, average gradient).
        rates: (learning rate, weight decay).
        factors: sgd (momentum, whether Nesterov's), adam (alpha, 1 - beta_1, 1 - beta_2, epsilon),
            rmsprop (rho, 1 - rho, momentum, epsilon).

    >>> import numpy as np
    >>> updated_weights("sgd", np.ones(2), np.array([1.0, 2.0]), (None,), (0.5, 0.0), (0.0, 0.0))
    array([0.5, 0. ])
    """
    cdef cnp.ndarray weights = checked_input(w, None)
    cdef Update u
    cdef int i, chosen
    cdef bint wide = dtype_index(cnp.PyArray_TYPE(weights))
    if rule not in RULES or len(slots) > 3 or len(factors) > 4:
        raise ValueError(f"rule must be one of {RULES} with its slots and factors, got {rule!r}")
    chosen = RULES.index(rule)
    for i in range(3):
        slot = slots[i] if i < len(slots) else None
        if slot is None and i < NEEDED_SLOTS[chosen]:
            raise ValueError(f"rule {rule!r} needs {NEEDED_SLOTS[chosen]} slots, got {len(slots)}")
        u.slots[i] = NULL
        if slot is not None:
            u.slots[i] = cnp.PyArray_DATA(like_weights("a slot", slot, w, True))
    for i in range(4):
        u.factors[i] = factors[i] if i < len(factors) else 0
    u.learning_rate, u.weight_decay = rates
    u.n = cnp.PyArray_SIZE(weights)
    u.w = cnp.PyArray_DATA(weights)
    u.g = cnp.PyArray_DATA(like_weights("g", g, w, False))
    cdef cnp.ndarray out = cnp.PyArray_EMPTY(
        cnp.PyArray_NDIM(weights), cnp.PyArray_DIMS(weights), cnp.PyArray_TYPE(weights), 0
    )
    u.out = cnp.PyArray_DATA(out)
    with nogil:
        run_update(chosen, wide, u)
    return out


include "_gradient.pxi"
include "_weight_gradient.pxi"
include "_by_channel.pxi"

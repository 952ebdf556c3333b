# Checks of what callers give: dtypes, arrays, sizes, activations; a part of _core.pyx.


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
    cdef bint same = dtype is None or <object>cnp.PyArray_DESCR(array) is dtype  # mostly
    if not (same or array.dtype == dtype) or not cnp.PyArray_ISNOTSWAPPED(array):
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


cdef enum:
    LINE_BYTES = 64
    LEAST_ON_LINE = 1 << 16  # bytes; less than these gain nothing


cdef cnp.ndarray new_output(int ndim, cnp.npy_intp* shape, int type_num, int item_size):
    """A new array. A large one begins on a cache line: then a store of a vector meets just one.

    (NumPy's begin on any 16 bytes: 64 -> 256 filters with stride 2 take 1.1 of the time, as does
    64 -> 64 at batch 128; 2026-11-23.)
    """
    cdef double bytes = item_size
    cdef int i
    for i in range(ndim):
        bytes *= shape[i]
    if not LEAST_ON_LINE <= bytes < max_size:
        return cnp.PyArray_EMPTY(ndim, shape, type_num, 0)
    cdef cnp.npy_intp size = <cnp.npy_intp>bytes + LINE_BYTES
    cdef cnp.ndarray memory = cnp.PyArray_EMPTY(1, &size, cnp.NPY_UINT8, 0)
    cdef char* data = <char*>cnp.PyArray_DATA(memory)
    data += -<uintptr_t>data % LINE_BYTES
    cdef cnp.ndarray y = cnp.PyArray_SimpleNewFromData(ndim, shape, type_num, data)
    cnp.set_array_base(y, memory)
    return y


cdef cnp.ndarray checked_output(
    object out, cnp.ndarray x, int ndim, cnp.npy_intp* shape, bint in_place
):
    """`out`, or a new array, of this shape and x's dtype; it may be x itself if `in_place`."""
    cdef cnp.ndarray y
    cdef int i
    if out is None:
        return new_output(ndim, shape, cnp.PyArray_TYPE(x), cnp.PyArray_ITEMSIZE(x))
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
    if (
        cnp.PyArray_CheckExact(array) and cnp.PyArray_ISCARRAY_RO(array)
        and cnp.PyArray_TYPE(array) in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64)
    ):
        return array
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


cdef bint all_finite(cnp.ndarray weights) noexcept:
    """Whether a float32 or float64 array, C-contiguous, has no infinity and no NaN."""
    if cnp.PyArray_TYPE(weights) == cnp.NPY_FLOAT32:
        return are_finite(<const float*>cnp.PyArray_DATA(weights), cnp.PyArray_SIZE(weights))
    return are_finite(<const double*>cnp.PyArray_DATA(weights), cnp.PyArray_SIZE(weights))


cdef fused floating_point:
    float
    double


cdef bint are_finite(const floating_point* values, int64_t n) noexcept nogil:
    cdef bint odd = False
    cdef int64_t i
    for i in range(n):
        odd |= values[i] - values[i] != 0  # 0 for a finite one, else NaN
    return not odd


def _stored_index(dtype, weights):
    if dtype == weights:  # the usual case; a dtype's `name` takes a microsecond
        return dtype_index(weights.num)
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

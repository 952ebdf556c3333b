# Sums and affine functions by channel, a part of _core.pyx.

cdef int64_t SUMMED_VALUES = 1 << 15  # of a job: some 10 us of work
cdef int64_t MOST_SUMS = 64  # jobs whose sums are added
cdef int64_t SERIAL_VALUES = 1 << 17  # below them one thread is faster


cdef int workers_for(int64_t values, int64_t jobs):
    return 1 if values < SERIAL_VALUES else min(threads, jobs)


cdef cnp.ndarray by_channel_input(str name, object x, object dtype):
    cdef cnp.ndarray array = checked_input(x, dtype, name)
    if cnp.PyArray_NDIM(array) != 3:
        raise ValueError(f"{name} must be (O, C, I), got shape {x.shape}")
    return array


cdef cnp.ndarray of_channels(str name, object values, cnp.ndarray x):
    """One value a channel, of x's dtype."""
    cdef cnp.ndarray array = np.require(values, x.dtype, ["C", "A"])
    if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIMS(array)[0] != cnp.PyArray_DIMS(x)[1]:
        raise ValueError(f"{name} must be ({cnp.PyArray_DIMS(x)[1]},), got {np.shape(values)}")
    return array


cdef cnp.ndarray like_input(str name, object z, cnp.ndarray x):
    cdef cnp.ndarray array = checked_input(z, x.dtype, name)
    if (<object>array).shape != (<object>x).shape:
        raise ValueError(f"{name} must have x's shape {(<object>x).shape}, got {z.shape}")
    return array


def channel_sums(x, shift, z=None):
    """Return the sums over O and I of z and of (x - shift) * z, a float64 array (2, C).

    Args:
        x: (O, C, I), float32 or float64, C-contiguous.
        shift: (C,).
        z: like x; None stands for x - shift.

    >>> import numpy as np
    >>> channel_sums(np.array([[[1.0, 2.0]], [[3.0, 6.0]]]), np.array([3.0]))
    array([[ 0.],
           [14.]])
    """
    cdef cnp.ndarray array = by_channel_input("x", x, None)
    cdef cnp.ndarray shifts = of_channels("shift", shift, array), factors
    cdef ChannelSums s
    s.x, s.shift, s.z = cnp.PyArray_DATA(array), cnp.PyArray_DATA(shifts), NULL
    if z is not None:
        factors = like_input("z", z, array)
        s.z = cnp.PyArray_DATA(factors)
    s.outer, s.channels, s.inner = x.shape
    if x.size == 0:
        return np.zeros((2, s.channels))
    s.rows = max(
        SUMMED_VALUES // (s.channels * s.inner), (s.outer + MOST_SUMS - 1) // MOST_SUMS, 1
    )
    cdef int64_t jobs = (s.outer + s.rows - 1) // s.rows, job
    cdef cnp.ndarray sums = np.zeros((jobs, 2, s.channels))
    s.sums = <double*>cnp.PyArray_DATA(sums)
    cdef int workers = workers_for(x.size, jobs)
    cdef SumChannels function = kernels.channel_sums[dtype_index(cnp.PyArray_TYPE(array))]
    with nogil:
        for job in prange(
            jobs, schedule="dynamic", num_threads=workers, use_threads_if=workers > 1
        ):
            function(s, job)
    return np.add.reduce(sums, axis=0)


def channel_affine(x, shift, scale, offset, z=None, z_scale=None):
    """Return (x - shift) * scale + offset, plus z * z_scale if they are given.

    Args:
        x: (O, C, I), float32 or float64, C-contiguous; z: like x.
        shift, scale, offset, z_scale: (C,).

    >>> import numpy as np
    >>> channel_affine(np.array([[[1.0, 2.0]]]), [1.0], [3.0], [10.0])
    array([[[10., 13.]]])
    """
    cdef cnp.ndarray array = by_channel_input("x", x, None)
    cdef cnp.ndarray shifts = of_channels("shift", shift, array)
    cdef cnp.ndarray scales = of_channels("scale", scale, array)
    cdef cnp.ndarray offsets = of_channels("offset", offset, array)
    cdef cnp.ndarray other, other_scales
    cdef cnp.ndarray out = np.empty_like(array)
    cdef ChannelAffine a
    a.x, a.out = cnp.PyArray_DATA(array), cnp.PyArray_DATA(out)
    a.shift, a.scale = cnp.PyArray_DATA(shifts), cnp.PyArray_DATA(scales)
    a.offset, a.z, a.z_scale = cnp.PyArray_DATA(offsets), NULL, NULL
    if z is not None:
        other, other_scales = like_input("z", z, array), of_channels("z_scale", z_scale, array)
        a.z, a.z_scale = cnp.PyArray_DATA(other), cnp.PyArray_DATA(other_scales)
    a.outer, a.channels, a.inner = x.shape
    if x.size == 0:
        return out
    a.rows = max(SUMMED_VALUES // (a.channels * a.inner), 1)
    cdef int64_t jobs = (a.outer + a.rows - 1) // a.rows, job
    cdef int workers = workers_for(x.size, jobs)
    cdef MapChannels function = kernels.channel_affine[dtype_index(cnp.PyArray_TYPE(array))]
    with nogil:
        for job in prange(jobs, num_threads=workers, use_threads_if=workers > 1):
            function(a, job)
    return out

# Activations of whole arrays, and their gradients, a part of _core.pyx.


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

# The optimizers' updates, a part of _core.pyx.


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

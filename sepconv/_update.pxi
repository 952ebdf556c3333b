# The optimizers' updates, a part of _core.pyx.


cdef cnp.ndarray like_weights(str name, object array, cnp.ndarray w, bint written):
    """`array`, of the dtype and shape of `w` and C-contiguous."""
    cdef cnp.ndarray found = array if cnp.PyArray_Check(array) else None
    if (
        found is None or cnp.PyArray_TYPE(found) != cnp.PyArray_TYPE(w)
        or not cnp.PyArray_SAMESHAPE(found, w)
    ):
        raise ValueError(f"{name} must be an array of {w.dtype} and shape {(<object>w).shape}")
    if not (cnp.PyArray_ISCARRAY(found) if written else cnp.PyArray_ISCARRAY_RO(found)):
        raise ValueError(f"{name} must be C-contiguous, aligned{' and writable' * written}")
    return found


RULES = ("sgd", "adam", "rmsprop")  # in the order of the kernels
NEEDED_SLOTS = (0, 2, 1)


def updated_weights(str rule, updates, rates):
    """Return the variables' new values; the optimizer's slots of them change in place.

    Args:
        rule: one of `RULES`.
        updates: a tuple (w, g, slots, factors) for each variable, with
            w, g: weights and their gradient, float32 or float64 arrays of one shape;
            slots: writable arrays like w, or None: sgd (momentum,), adam (momentum, velocity,
                largest velocity), rmsprop (velocity, momentum, average gradient);
            factors: sgd (momentum, whether Nesterov's), adam (alpha, 1 - beta_1, 1 - beta_2,
                epsilon), rmsprop (rho, 1 - rho, momentum, epsilon).
        rates: (learning rate, weight decay).

    >>> import numpy as np
    >>> update = np.ones(2), np.array([1.0, 2.0]), (None,), (0.0, 0.0)
    >>> updated_weights("sgd", [update], (0.5, 0.0))
    [array([0.5, 0. ])]
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}, got {rule!r:.200}")
    cdef int chosen = RULES.index(rule)
    cdef vector[Update] pieces
    cdef Update u
    cdef int64_t size = 0, piece
    u.learning_rate, u.weight_decay = rates
    found = []
    for w, g, slots, factors in updates:
        found.append(_declare_update(u, chosen, w, g, slots, factors))
        size += u.end
        add_pieces(u, pieces)
    with nogil:
        for piece in prange(
            <int64_t>pieces.size(), num_threads=threads,
            use_threads_if=threads > 1 and size > serial_update,
        ):
            run_update(chosen, pieces[piece])
    return found


cdef cnp.ndarray _declare_update(
    Update& u, int rule, object w, object g, tuple slots, tuple factors
):
    """Fill in what differs from variable to variable. Returns the array of the new value."""
    cdef cnp.ndarray weights = checked_input(w, None)
    cdef int i
    if not NEEDED_SLOTS[rule] <= len(slots) <= 3 or len(factors) > 4:
        raise ValueError(
            f"rule {RULES[rule]!r} needs {NEEDED_SLOTS[rule]} slots, got {len(slots)}, and has "
            f"4 factors at most, got {len(factors)}"
        )
    u.wide = dtype_index(cnp.PyArray_TYPE(weights))
    for i in range(3):
        slot = slots[i] if i < len(slots) else None
        if slot is None and i < NEEDED_SLOTS[rule]:
            raise ValueError(f"rule {RULES[rule]!r} needs slot {i}, got None")
        u.slots[i] = NULL
        if slot is not None:
            u.slots[i] = cnp.PyArray_DATA(like_weights("a slot", slot, weights, True))
    for i in range(4):
        u.factors[i] = factors[i] if i < len(factors) else 0
    u.begin, u.end = 0, cnp.PyArray_SIZE(weights)
    u.w = cnp.PyArray_DATA(weights)
    u.g = cnp.PyArray_DATA(like_weights("g", g, weights, False))
    cdef cnp.ndarray out = cnp.PyArray_EMPTY(
        cnp.PyArray_NDIM(weights), cnp.PyArray_DIMS(weights), cnp.PyArray_TYPE(weights), 0
    )
    u.out = cnp.PyArray_DATA(out)
    return out

# The gradients by a convolution's weights, a part of _core.pyx.


cdef int run_weight_gradient(
    const PlanStruct& plan, const WeightKernels& kernels, WeightCall& call, int64_t item
) except -1:
    cdef WeightCut cut = weight_cut(plan, kernels, call.call, threads)
    size = int(cut.partitions) * cut.sums_size * item
    call.sums = aligned_alloc(64, (size + 63) // 64 * 64)
    if call.sums == NULL:
        raise MemoryError(f"no memory for {size} bytes of sums")
    cdef int64_t place, places = plan.taps * plan.channels + 1
    try:
        for turn in range(cut.rounds):
            if run_weight_cells(plan, kernels, call, cut, turn):
                raise MemoryError("no memory for the working memory of a thread")
            PyErr_CheckSignals()
        with nogil:
            for place in prange(places, num_threads=cut.threads, use_threads_if=cut.threads > 1):
                kernels.reduce(plan, call, cut, place)
    finally:
        free(call.sums)
    return 0


cdef int run_weight_cells(
    const PlanStruct& plan, const WeightKernels& kernels, const WeightCall& call,
    const WeightCut& cut, int64_t turn,
) noexcept:
    """One round of the grid. Returns how many cells found no memory."""
    cdef int failed = 0
    cdef int64_t cell, cells = cut.partitions * cut.blocks
    with nogil:
        if cut.threads == 1:
            for cell in range(cells):
                failed += run_weight_job(plan, kernels, call, cut, turn, cell)
        else:
            for cell in prange(cells, schedule="dynamic", num_threads=cut.threads):
                failed += run_weight_job(plan, kernels, call, cut, turn, cell)
    return failed

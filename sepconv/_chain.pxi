# Several layers of a network in one call, a part of _core.pyx.

cdef double MOST_BYTES = 2.0**46  # of all samples of a tensor: no larger one can be had
cdef int64_t GROUP_BYTES = 1 << 18  # of the largest tensor of the samples that go through together
# Below it a second thread gains less than it costs where it has to be woken.
cdef double LEAST_SHARED = 8e6  # operations
cdef int64_t KEPT_BYTES = 1 << 25  # of working memory, from call to call


cdef class Operation:
    """What one layer does; the functions below and `TilePlan.operation` make them.

    >>> import numpy as np
    >>> softmax()(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    cdef StageStruct stage
    cdef object held  # whose memory the stage names
    cdef object dtype  # of its weights; None suits all

    def __call__(self, x):
        """Return y for one input, or None if the operation does not take it; see `Chain`."""
        steps = [(self, (0,), 1)]
        chain = Chain(x.dtype if self.dtype is None else self.dtype, steps, 1, [1])
        outputs = chain([x])
        return None if outputs is None else outputs[0]


cdef Operation _operation(StageKind kind, object held=None, object dtype=None):
    cdef Operation made = Operation.__new__(Operation)
    made.stage.kind = kind
    made.held, made.dtype = held, dtype
    return made


cdef _convolution(TilePlan plan):
    if isinstance(plan, ConvolutionPlan) and (<ConvolutionPlan>plan).infinite is not None:
        return None
    made = _operation(StageKind.rows if plan.rows else StageKind.plan, plan, plan.dtype)
    made.stage.plan, made.stage.tile = &plan.plan, &plan.tile
    return made


def pooling(size, stride, same, mean, keeps_time=False):
    """Return the maximum or mean of windows of `size` steps, of all steps where it is None.

    x is (B, T, C), and y (B, S, C), or (B, C) for all steps unless `keeps_time`.
    """
    made = _operation(StageKind.pool)
    made.stage.size = 0 if size is None else _size("size", size)
    made.stage.stride = _size("stride", stride)
    made.stage.same, made.stage.mean = same, mean
    made.stage.keeps_time = keeps_time or size is not None
    return made


def look_up(table):
    """Return the rows of `table`, (N, C), whose numbers x, (B, T) of int32 or int64, holds."""
    cdef cnp.ndarray rows = checked_input(table, None, "table")
    if cnp.PyArray_NDIM(rows) != 2:
        raise ValueError(f"table must be (N, C), got shape {table.shape}")
    made = _operation(StageKind.look_up, rows, rows.dtype)
    made.stage.table = cnp.PyArray_DATA(rows)
    made.stage.size, made.stage.out.channels = table.shape
    return made


def elementwise(str activation, parameters=()):
    """Return an activation, or the sum of two tensors and then the activation."""
    made = _operation(StageKind.add)
    fill_epilogue(made.stage.epilogue, activation, tuple(parameters))
    return made


def flatten():
    """Return (B, T, C) as (B, T*C)."""
    made = elementwise("linear")
    (<Operation>made).stage.flattens = True
    return made


def softmax():
    """Return the softmax along the last axis."""
    return _operation(StageKind.softmax)


cdef struct Shape:  # of a tensor but for the batch
    int rank  # with the batch
    Extent extent


cdef bint _resolve(StageStruct& s, const Shape& x, Shape& y) noexcept:
    """Set what a stage does with a tensor; whether it takes one of that shape."""
    cdef int64_t steps, windows
    s.in_ = x.extent
    s.pad_left = 0
    y = x
    if s.kind == StageKind.plan:
        if x.rank != 3:
            return False
        turned = s.plan.channels_first
        steps = x.extent.channels if turned else x.extent.steps
        windows = output_steps(s.plan[0], steps)
        if (x.extent.steps if turned else x.extent.channels) != s.plan.channels or windows <= 0:
            return False
        s.pad_left = padding_left(s.plan[0], steps)
        y.extent.steps = s.plan.filters if turned else windows
        y.extent.channels = windows if turned else s.plan.filters
    elif s.kind == StageKind.rows:
        if x.extent.channels != s.plan.channels:
            return False
        y.extent.channels = s.plan.filters
    elif s.kind == StageKind.pool:
        steps = x.extent.steps
        if s.size == 0:
            s.size = s.stride = steps
        if x.rank != 3 or steps == 0 or (steps < s.size and not s.same):
            return False
        windows = (steps - 1) // s.stride + 1 if s.same else (steps - s.size) // s.stride + 1
        if s.same:
            s.pad_left = max((windows - 1) * s.stride + s.size - steps, 0) // 2
        y.rank, y.extent.steps = 3 if s.keeps_time else 2, windows
    elif s.kind == StageKind.look_up:
        y.rank, y.extent.channels = 3, s.out.channels
    elif s.flattens:
        y.rank, y.extent.steps = 2, 1
        y.extent.channels = x.extent.steps * x.extent.channels
    s.out = y.extent
    return y.extent.steps > 0 and y.extent.channels > 0


cdef bint _are_rows(cnp.ndarray numbers, int64_t rows) noexcept:
    """Whether all numbers are those of rows."""
    cdef int64_t n = cnp.PyArray_SIZE(numbers), i
    cdef const int32_t* narrow = <const int32_t*>cnp.PyArray_DATA(numbers)
    cdef const int64_t* wide = <const int64_t*>cnp.PyArray_DATA(numbers)
    cdef bint is_narrow = cnp.PyArray_ITEMSIZE(numbers) == 4
    cdef bint found = True
    for i in range(n):
        found &= 0 <= (narrow[i] if is_narrow else wide[i]) < rows
    return found


cdef class Chain:
    """Operations one after the other, on each sample; callable from any thread.

    Args:
        dtype: float32 or float64, of all tensors but numbers of rows.
        steps: (operation, tensors it reads, tensor it makes), in order. Tensors are ints from 0
            on, the inputs first.
        inputs: how many tensors are given.
        outputs: the tensors that are returned, each made by an operation.

    >>> import numpy as np
    >>> chain = Chain(np.dtype("float32"), [(pooling(2, 2, False, False), (0,), 1),
    ...                                     (elementwise("relu6"), (1,), 2)], 1, [2])
    >>> chain([np.array([[[3.0], [9.0], [1.0], [2.0]]], np.float32)])[0][0, :, 0]
    array([6., 2.], dtype=float32)
    """

    cdef vector[StageStruct] stages
    cdef vector[int] buffers  # of each tensor; -1 for those given or returned
    cdef int buffer_count, inputs, type_num
    cdef vector[int] outputs
    cdef set numbers  # the inputs that number rows
    cdef object held, dtype
    cdef void* spare
    cdef int64_t spare_bytes

    def __cinit__(self, dtype, steps, int inputs, outputs):
        self.dtype, self.inputs, self.held = np.dtype(dtype), inputs, list(steps)
        self.type_num = self.dtype.num
        dtype_index(self.type_num)
        self.numbers = set()
        cdef Operation operation
        cdef StageStruct stage
        for number, (operation, sources, target) in enumerate(self.held):
            own = operation.dtype
            if own is not None and own != self.dtype:
                raise TypeError(f"operation {number} has weights of {own}, not {self.dtype}")
            if target != inputs + number or not all(0 <= s < target for s in sources):
                raise ValueError(f"operation {number} must make tensor {inputs + number} of others")
            stage = operation.stage
            if not 1 <= len(sources) <= (2 if stage.kind == StageKind.add else 1):
                raise ValueError(f"operation {number} cannot read {len(sources)} tensors")
            if (stage.kind == StageKind.look_up) != (sources[0] in self.numbers):
                if stage.kind != StageKind.look_up or sources[0] >= inputs:
                    raise ValueError(f"operation {number} cannot read numbers of rows")
                self.numbers.add(sources[0])
            stage.source, stage.target = sources[0], target
            stage.other = sources[1] if len(sources) == 2 else -1
            stage.kernels = &kernels.stages[dtype_index(self.type_num)]
            self.stages.push_back(stage)
        for tensor in outputs:
            if not inputs <= tensor < inputs + len(self.held):
                raise ValueError(f"no operation makes the output {tensor}")
            self.outputs.push_back(tensor)
        self._place()

    cdef int _place(self) except -1:
        """Give each tensor that is neither given nor returned a buffer, in place where it can."""
        last = {}
        for number, (_, sources, _) in enumerate(self.held):
            last.update(dict.fromkeys(sources, number))
        fixed = {*range(self.inputs), *self.outputs}
        self.buffers = [-1] * (self.inputs + len(self.held))
        free = []
        for number, (_, sources, target) in enumerate(self.held):
            kind = self.stages[number].kind
            done = [
                self.buffers[s] for s in dict.fromkeys(sources)
                if s not in fixed and last[s] == number
            ]
            if kind == StageKind.add or kind == StageKind.softmax:  # these may write what they read
                free += done
                done = []
            if target not in fixed:
                if not free:
                    free.append(self.buffer_count)
                    self.buffer_count += 1
                self.buffers[target] = free.pop()
                if target not in last:
                    done.append(self.buffers[target])
            free += done
        return 0

    def __dealloc__(self):
        free(self.spare)

    def __call__(self, list arrays):
        """Return the outputs for inputs, or None for inputs that the operations do not take.

        Raises:
            MemoryError: no memory for the outputs or the working memory.
        """
        cdef vector[StageStruct] stages = self.stages
        cdef vector[Shape] shapes
        cdef vector[char*] tensors
        cdef vector[int64_t] nbytes, offsets, sizes
        cdef int64_t batch = -1, item = self.dtype.itemsize, n
        cdef int i, tensor
        cdef double work = 0
        cdef Shape shape
        cdef cnp.ndarray array
        cdef ChainCall call
        cdef size_t count = self.buffers.size(), k
        shapes.resize(count)
        tensors.resize(count)
        nbytes.resize(count)
        offsets.resize(count)
        if len(arrays) != self.inputs:
            raise ValueError(f"{self.inputs} inputs expected, got {len(arrays)}")
        for i in range(self.inputs):
            if not self._read(arrays[i], i, shape, &batch):
                return None
            array = arrays[i]
            shapes[i], tensors[i] = shape, <char*>cnp.PyArray_DATA(array)
            nbytes[i] = cnp.PyArray_NBYTES(array) // batch
        for k in range(stages.size()):
            stage = &stages[k]
            tensor = stage.target
            if not _resolve(stage[0], shapes[stage.source], shapes[tensor]):
                return None
            shape = shapes[tensor]
            if stage.other >= 0 and not _are_alike(shapes[stage.other], shape):
                return None
            if <double>shape.extent.steps * shape.extent.channels * batch * item > MOST_BYTES:
                return None
            nbytes[tensor] = shape.extent.steps * shape.extent.channels * item
            work += work_of(stage[0])
            if stage.kind == StageKind.look_up:
                array = arrays[stage.source]
                stage.narrow_index = cnp.PyArray_ITEMSIZE(array) == 4
                if not _are_rows(array, stage.size):
                    return None
        outputs = [self._empty(tensor, batch, shapes[tensor]) for tensor in self.outputs]
        for i in range(<int>len(outputs)):
            array = outputs[i]
            tensors[self.outputs[i]] = <char*>cnp.PyArray_DATA(array)
        # Buffers one behind the other, each as large as the largest tensor that has it.
        sizes.resize(self.buffer_count)
        cdef int64_t largest = 1, total = 0
        for k in range(count):
            largest = max(largest, nbytes[k])
            if self.buffers[k] >= 0:
                sizes[self.buffers[k]] = max(sizes[self.buffers[k]], (nbytes[k] + 63) // 64 * 64)
        cdef vector[int64_t] places
        for k in range(sizes.size()):
            places.push_back(total)
            total += sizes[k]
        for k in range(count):
            if self.buffers[k] >= 0:
                offsets[k] = places[self.buffers[k]]
        call.stages, call.count = stages.data(), stages.size()
        call.tensors, call.bytes, call.offsets = tensors.data(), nbytes.data(), offsets.data()
        call.working_bytes = total
        self._run(call, batch, work, max(GROUP_BYTES // largest, 1))
        return outputs

    cdef bint _read(self, object given, int number, Shape& shape, int64_t* batch):
        """Whether an input is one that the operations may take, and its shape."""
        if not cnp.PyArray_Check(given):
            return False
        cdef cnp.ndarray array = given
        cdef int rank = cnp.PyArray_NDIM(array), type_num = cnp.PyArray_TYPE(array)
        if number in self.numbers:
            if rank != 2 or type_num not in (cnp.NPY_INT32, cnp.NPY_INT64):
                return False
        elif type_num != self.type_num or not 2 <= rank <= 3:
            return False
        if not (cnp.PyArray_ISCARRAY_RO(array) and cnp.PyArray_SIZE(array)):
            return False
        cdef cnp.npy_intp* sizes = cnp.PyArray_DIMS(array)
        if batch[0] not in (-1, sizes[0]):
            return False
        batch[0] = sizes[0]
        shape.rank = rank
        shape.extent.steps = sizes[1] if rank == 3 or number in self.numbers else 1
        shape.extent.channels = 1 if number in self.numbers else sizes[rank - 1]
        return True

    cdef cnp.ndarray _empty(self, int tensor, int64_t batch, const Shape& shape):
        cdef cnp.npy_intp[3] sizes
        sizes[0] = batch
        sizes[1] = shape.extent.steps if shape.rank == 3 else shape.extent.channels
        sizes[2] = shape.extent.channels
        return new_output(shape.rank, sizes, self.type_num, self.dtype.itemsize)

    cdef int _run(self, ChainCall& call, int64_t batch, double work, int64_t group) except -1:
        cdef int workers = 1 if work * batch < LEAST_SHARED else threads
        # What all threads but some would be left without is shared by all of them.
        cdef int64_t shared = batch % workers if batch < 4 * workers else 0
        cdef int64_t apart = batch - shared, first = 0, end
        group = max(min(group, apart // (4 * workers)), 1)
        cdef int apart_workers = <int>max(min(workers, (apart + group - 1) // group), 1)
        cdef int64_t needed = max(group * apart_workers, shared) * call.working_bytes
        cdef int64_t chunk = <int64_t>max(chunk_work / max(work * group, 1), 1) * group * workers
        cdef int failed = 0
        cdef int64_t kept = self.spare_bytes
        cdef void* memory = self.spare
        self.spare = NULL  # another call at once has memory of its own
        if memory == NULL or kept < needed:
            free(memory)
            kept = (needed + 63) // 64 * 64
            memory = aligned_alloc(64, max(kept, 64))
            if memory == NULL:
                raise MemoryError(f"no memory for {kept} bytes between layers")
        call.memory = <char*>memory
        try:
            while first < apart and not failed:
                end = min(first + chunk, apart)
                with nogil:
                    failed = run_apart(call, first, end, group, apart_workers)
                first = end
                PyErr_CheckSignals()
            if shared and not failed:
                with nogil:
                    failed = run_together(call, apart, batch, workers)
            if failed:
                raise MemoryError("no memory for the working memory of a thread")
        finally:
            if self.spare == NULL and kept <= KEPT_BYTES:
                self.spare, self.spare_bytes = memory, kept
            else:
                free(memory)
        return 0


cdef bint _are_alike(const Shape& a, const Shape& b) noexcept:
    return (
        a.rank == b.rank and a.extent.steps == b.extent.steps
        and a.extent.channels == b.extent.channels
    )

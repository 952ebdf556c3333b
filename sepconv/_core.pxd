# What the .pyx uses of kernels/; nothing is defined here.
from libc.stdint cimport int64_t
from libcpp cimport bool as bool_t
from libcpp.vector cimport vector


cdef extern from "kernels/plan.h" namespace "sepconv" nogil:
    ctypedef enum Activation "sepconv::Activation":
        pass

    enum: max_parameters

    struct Epilogue:
        Activation activation
        double[3] parameters

    struct PlanStruct "sepconv::Plan":
        int64_t channels
        int64_t multiplier
        int64_t filters
        int64_t taps
        int64_t stride
        int64_t dilation
        int64_t classes
        int64_t phases
        bool_t same
        bool_t causal
        bool_t channels_first
        bool_t finite_depthwise
        Epilogue epilogue
        double step_work
        int64_t strip
        int64_t scratch_bytes
        const void* depthwise
        const void* pointwise
        const void* bias

    struct Call:
        const void* x
        void* y
        int64_t batch
        int64_t steps
        int64_t out_steps
        int64_t pad_left

    struct PackedSizes:
        int64_t depthwise
        int64_t pointwise
        int64_t bias

    struct TileKernels:
        int steps
        int filters
        int64_t (*strip)(const PlanStruct&) noexcept nogil
        int64_t (*scratch_bytes)(const PlanStruct&) noexcept nogil
        PackedSizes (*packed_sizes)(const PlanStruct&) noexcept nogil
        void (*pack)(const PlanStruct&, const void*, const void*, const void*) noexcept nogil
        bool_t (*suits)(const PlanStruct&, const void*) noexcept nogil


cdef extern from "kernels/gradient.h" namespace "sepconv" nogil:
    struct Panels:
        int64_t count
        int64_t sums_size

    struct GradientCall:
        const void* x
        const void* g
        const void* y
        void* dx
        void* d_depthwise
        void* d_pointwise
        void* d_bias
        void* sums
        int64_t batch
        int64_t steps
        int64_t out_steps
        int64_t pad_left

    struct GradientCut:
        int64_t partitions
        int64_t blocks
        int64_t rounds
        int threads

    struct Backward:
        PlanStruct plan
        Panels panels
        const void* packed


cdef extern from "kernels/weight_gradient.h" namespace "sepconv" nogil:
    struct WeightCall:
        Call call
        const void* g
        void* d_kernel
        void* d_bias
        void* sums

    struct WeightCut:
        int64_t partitions
        int64_t blocks
        int64_t rounds
        int64_t sums_size
        int threads


cdef extern from "kernels/plan.h" namespace "sepconv" nogil:
    struct GradientKernels:
        void (*panels)(const PlanStruct&, Panels&) noexcept nogil
        int64_t (*packed_bytes)(const Backward&) noexcept nogil
        void (*pack)(const Backward&, const void*, const void*, void*) noexcept nogil
        void (*reduce)(
            const Backward&, const GradientCall&, const GradientCut&, int64_t
        ) noexcept nogil
        bool_t (*suits)(const PlanStruct&, const void*) noexcept nogil

    struct WeightKernels:
        void (*reduce)(
            const PlanStruct&, const WeightCall&, const WeightCut&, int64_t
        ) noexcept nogil
        bool_t (*suits)(const PlanStruct&) noexcept nogil

    ctypedef void (*Activate)(const Epilogue&, const void*, void*, int64_t) noexcept nogil
    ctypedef void (*ActivateGradient)(
        const Epilogue&, const void*, const void*, void*, int64_t
    ) noexcept nogil

    struct ChannelSums:
        const void* x
        const void* z
        const void* shift
        double* sums
        int64_t outer
        int64_t channels
        int64_t inner
        int64_t rows

    struct ChannelAffine:
        const void* x
        const void* shift
        const void* scale
        const void* offset
        const void* z
        const void* z_scale
        void* out
        int64_t outer
        int64_t channels
        int64_t inner
        int64_t rows

    ctypedef void (*SumChannels)(const ChannelSums&, int64_t) noexcept nogil
    ctypedef void (*MapChannels)(const ChannelAffine&, int64_t) noexcept nogil

    struct StageKernels:
        pass

    struct Kernels:
        int vector_bytes
        TileKernels[4][2] tile
        TileKernels[4][2] convolution
        TileKernels[4][2] depthwise
        TileKernels[4][2] split
        TileKernels[4][2] split_convolution
        GradientKernels[2] gradient
        GradientKernels[2] split_gradient
        WeightKernels[2] weight_gradient
        WeightKernels[2] split_weight_gradient
        Activate[2] activate
        ActivateGradient[2] activate_gradient
        SumChannels[2] channel_sums
        MapChannels[2] channel_affine
        StageKernels[2] stages


cdef extern from "kernels/dispatch.h" namespace "sepconv" nogil:
    int isa_count()
    const char* isa_name(int)
    bool_t isa_supported(int)
    Kernels kernels_for(int)
    const char* compiler()
    int activation_count()
    const char* activation_name(int)
    int activation_parameters(int)


cdef extern from "kernels/schedule.h" namespace "sepconv" nogil:
    const int64_t max_size
    const double chunk_work

    struct Schedule:
        int64_t jobs
        int64_t jobs_per_chunk
        int threads

    int64_t output_steps(const PlanStruct&, int64_t)
    int64_t padding_left(const PlanStruct&, int64_t)
    Schedule schedule(const PlanStruct&, const TileKernels&, const Call&, int)
    int run_job(const PlanStruct&, const TileKernels&, const Call&, const Schedule&, int64_t)


cdef extern from "kernels/gradient_schedule.h" namespace "sepconv" nogil:
    GradientCut gradient_cut(
        const Backward&, const GradientKernels&, const GradientCall&, int
    )
    int run_gradient_job(
        const Backward&, const GradientKernels&, const GradientCall&, const GradientCut&,
        int64_t, int64_t
    )


cdef extern from "kernels/weight_gradient.h" namespace "sepconv" nogil:
    WeightCut weight_cut(const PlanStruct&, const WeightKernels&, const Call&, int)
    int run_weight_job(
        const PlanStruct&, const WeightKernels&, const WeightCall&, const WeightCut&,
        int64_t, int64_t
    )


cdef extern from "kernels/openmp.h" namespace "sepconv" nogil:
    bool_t has_openmp()
    bool_t pause_openmp()


cdef extern from "kernels/optimizer.h" namespace "sepconv" nogil:
    const int64_t serial_update

    struct Update:
        bool_t wide
        int64_t begin
        int64_t end
        const void* w
        const void* g
        void* out
        void* slots[3]
        double learning_rate
        double weight_decay
        double[4] factors

    void run_update(int, const Update&)
    void add_pieces(Update, vector[Update]&)


cdef extern from "kernels/chain.h" namespace "sepconv" nogil:
    struct Extent:
        int64_t steps
        int64_t channels

    cdef enum class StageKind(int):
        plan
        rows
        pool
        look_up
        add
        softmax

    struct StageStruct "sepconv::Stage":
        StageKind kind
        int source
        int other
        int target
        const PlanStruct* plan
        const TileKernels* tile
        const StageKernels* kernels
        Epilogue epilogue
        int64_t size
        int64_t stride
        bool_t same
        bool_t mean
        bool_t keeps_time
        bool_t flattens
        bool_t narrow_index
        const void* table
        Extent in_ "in"
        Extent out
        int64_t pad_left

    struct ChainCall:
        const StageStruct* stages
        int64_t count
        char** tensors
        const int64_t* bytes
        const int64_t* offsets
        int64_t working_bytes
        char* memory

    int run_apart(const ChainCall&, int64_t, int64_t, int64_t, int)
    int run_together(const ChainCall&, int64_t, int64_t, int)
    double work_of(const StageStruct&)

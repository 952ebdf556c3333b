// The grid of the backward half: blocks of panels times partitions of the units.
#pragma once
#include "gradient.h"

namespace sepconv {

// Of the sizes alone, but for `threads`, which changes no sum.
GradientCut gradient_cut(const Backward& b, const GradientKernels& kernels,
                         const GradientCall& call, int threads);

// Computes one cell's share of a round, in this thread's scratch. Returns 1 if there is no memory
// for that, else 0.
int run_gradient_job(const Backward& b, const GradientKernels& kernels, const GradientCall& call,
                     const GradientCut& cut, int64_t round, int64_t cell);

}  // namespace sepconv

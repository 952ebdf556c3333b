// Plain structs of the gradients by the weights of a convolution of all channels: the products of
// its windows, transposed, with g; and the sums of g.
//
// The rows are the outputs of all samples, one after another. The work is a grid: blocks of the
// depth K*C times partitions of the rows. Each cell adds up sums of its own, which are then added
// in the order of the partitions. The grid depends on the sizes alone, so the bits do not depend on
// the threads.
#pragma once
#include "plan.h"

namespace sepconv {

struct WeightCall {
  Call call;  // but for y
  const void* g;
  void* d_kernel;
  void* d_bias;
  void* sums;  // partitions * sums_size elements
};

struct WeightCut {
  int64_t rows, partitions;  // of all samples; partition p has rows [first_row(p), first_row(p+1))
  int64_t blocks, block_depth;
  int64_t round_rows, rounds;  // of each partition, between two looks at signals
  int64_t sums_size, scratch_bytes;
  int threads;

  SEPCONV_ALWAYS_INLINE int64_t first_row(int64_t partition) const {
    return rows / partitions * partition +
           (partition < rows % partitions ? partition : rows % partitions);
  }
};

// Of the sizes alone, but for `threads`, which changes no sum.
WeightCut weight_cut(const Plan& plan, const WeightKernels& kernels, const Call& call, int threads);

// Computes one cell's share of a round, in this thread's scratch. Returns 1 if there is no memory
// for that, else 0.
int run_weight_job(const Plan& plan, const WeightKernels& kernels, const WeightCall& call,
                   const WeightCut& cut, int64_t round, int64_t cell);

}  // namespace sepconv

#include "weight_gradient.h"

#include <algorithm>

#include "scratch.h"

namespace sepconv {

static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

// Operations: below the first, one thread is faster; a cell has the second, if there are not more
// than `most_cells`; signals are looked at after the third of each cell.
constexpr double serial_work = 2e6, cell_work = 5e6, round_work = 2e9;
constexpr int64_t most_cells = 16;
// A block's windows stay in L2, and are so many that g is packed seldom.
constexpr int64_t most_depth = 1024, least_depth = 96;

WeightCut weight_cut(const Plan& plan, const WeightKernels& kernels, const Call& call,
                     int threads) {
  WeightCut cut{};
  const int64_t depth = plan.taps * plan.channels;
  cut.rows = call.batch * call.out_steps;
  const double work = 2. * double(depth) * double(plan.filters) * double(cut.rows);
  const int64_t cells = std::clamp<int64_t>(int64_t(std::min(work / cell_work, 1e9)), 1, most_cells);

  // Blocks cost less than partitions, whose sums are added.
  const int64_t blocks = std::max(ceil_div(depth, most_depth),
                                  std::min(std::max<int64_t>(depth / least_depth, 1), cells));
  cut.block_depth = ceil_div(ceil_div(depth, blocks), kernels.depth_unit) * kernels.depth_unit;
  cut.blocks = ceil_div(depth, cut.block_depth);
  cut.partitions = std::min(ceil_div(cells, cut.blocks), cut.rows);

  const double row_work = 2. * double(cut.block_depth) * double(plan.filters);
  cut.round_rows = std::max<int64_t>(1, int64_t(round_work / row_work));
  cut.rounds = ceil_div(ceil_div(cut.rows, cut.partitions), cut.round_rows);
  cut.sums_size = kernels.sums_size(plan);
  cut.scratch_bytes = kernels.scratch_bytes(plan, cut.block_depth);
  cut.threads = work < serial_work ? 1 : int(std::min<int64_t>(threads, cut.partitions * cut.blocks));
  return cut;
}

int run_weight_job(const Plan& plan, const WeightKernels& kernels, const WeightCall& call,
                   const WeightCut& cut, int64_t round, int64_t cell) {
  Scratch& scratch = thread_scratch();
  void* memory = scratch.of_size(size_t(cut.scratch_bytes));
  if (!memory) return 1;
  kernels.run(plan, call, cut, round, cell, memory);
  scratch.trim();
  return 0;
}

}  // namespace sepconv

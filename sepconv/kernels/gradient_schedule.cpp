#include "gradient_schedule.h"

#include <algorithm>

#include "scratch.h"

namespace sepconv {

static int64_t ceil_div(int64_t a, int64_t b) { return b == 1 ? a : a / b + (a % b != 0); }

// Operations: below the first, one thread is faster; a cell that is a stretch of time of its own,
// with steps computed twice, has the second; signals are looked at after the third of each cell.
constexpr double serial_work = 4e6, cell_work = 1e8, round_work = 2e9;
// A depthwise convolution alone waits for memory, as long as for so many products of a step; its
// sums are few, so cells of its own are cheap.
constexpr double alone_cell_work = 4e6, alone_products = 32;
// Each partition has sums of its own, in memory: with 32 cells quartz_k75 took a tenth longer.
constexpr int64_t most_cells = 16;

GradientCut gradient_cut(const Backward& b, const GradientKernels& kernels,
                         const GradientCall& call, int threads) {
  const Plan& p = b.plan;
  GradientCut cut{};
  const double others = p.alone() ? alone_products : 2. * double(p.filters);
  const double step_work = 2. * double(p.depth()) * (3. * double(p.taps) + others);
  const double work = step_work * double(call.batch) * double(call.out_steps);
  const double worth = work / (p.alone() ? alone_cell_work : cell_work);
  int64_t cells = 1;  // a power of two: with 11 of them, two threads wait for the last one
  while (2 * cells <= most_cells && double(2 * cells) <= worth) cells *= 2;

  cut.classes = std::min(p.classes, call.out_steps);
  const int64_t in_class = ceil_div(call.out_steps, cut.classes);
  const int64_t apart = call.batch * cut.classes;  // units that share no steps of dH

  // Wide blocks pack g less often; but blocks cost nothing where partitions would.
  const int64_t group = b.panels.a_channel;
  const double group_bytes = double(group * b.panels.width) * double(std::max<int64_t>(p.filters, 1)) * 4;
  const int64_t groups = b.panels.count / group;
  const int64_t fitting = int64_t(double(kernels.block_bytes) / group_bytes);
  const int64_t wide = std::clamp<int64_t>(fitting, 1, groups);
  const int64_t wanted = std::min(groups, ceil_div(cells, apart));
  const int64_t most_groups = std::clamp<int64_t>(groups / wanted, 1, wide);
  cut.block_panels = ceil_div(groups, ceil_div(groups, most_groups)) * group;
  cut.blocks = ceil_div(b.panels.count, cut.block_panels);

  // Stretches of time only where samples and blocks are too few, or a round would take too long.
  const int64_t reach = ceil_div(p.taps, std::min(p.phases, p.taps)) - 1;
  const double block_work = step_work / double(cut.blocks);
  const int64_t short_stretch = 8 * (reach + 6);
  const int64_t stretches =
      std::max(ceil_div(cells, apart * cut.blocks),
               int64_t(block_work * double(in_class) / round_work) + 1);
  cut.stretch = std::max(ceil_div(in_class, stretches), std::min(short_stretch, in_class));
  cut.stretches = ceil_div(in_class, cut.stretch);
  cut.tile = std::min(kernels.tile(b, cut.block_panels), cut.stretch);

  cut.units = apart * cut.stretches;
  cut.partitions = std::clamp<int64_t>(cells / cut.blocks, 1, cut.units);
  cut.round_units =
      std::max<int64_t>(1, int64_t(round_work / (block_work * double(cut.stretch))));
  cut.rounds = ceil_div(ceil_div(cut.units, cut.partitions), cut.round_units);
  cut.scratch_bytes = kernels.scratch_bytes(b, cut);
  cut.threads = work < serial_work
                    ? 1
                    : int(std::min<int64_t>(threads, cut.partitions * cut.blocks));
  return cut;
}

int run_gradient_job(const Backward& b, const GradientKernels& kernels, const GradientCall& call,
                     const GradientCut& cut, int64_t round, int64_t cell) {
  Scratch& scratch = thread_scratch();
  void* memory = scratch.of_size(size_t(cut.scratch_bytes));
  if (!memory) return 1;
  const GradientJob job{cell / cut.blocks, cell % cut.blocks, round};
  kernels.run(b, call, cut, job, memory);
  scratch.trim();
  return 0;
}

}  // namespace sepconv

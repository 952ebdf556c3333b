#include "schedule.h"

#include <algorithm>

#include "scratch.h"

namespace sepconv {

static int64_t ceil_div(int64_t a, int64_t b) { return b == 1 ? a : a / b + (a % b != 0); }
static int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Of a job. Beyond it Ctrl-C would wait.
constexpr double job_work = 2e9;

int64_t output_steps(const Plan& p, int64_t steps) {
  if (p.same) return ceil_div(steps, p.stride);
  return steps < p.span() ? 0 : (steps - p.span()) / p.stride + 1;
}

int64_t padding_left(const Plan& p, int64_t steps) {
  if (!p.same) return 0;
  if (p.causal) return p.span() - 1;
  const int64_t last = (output_steps(p, steps) - 1) * p.stride;
  return std::max<int64_t>(last + p.span() - steps, 0) / 2;
}

Schedule schedule(const Plan& plan, const TileKernels& kernels, const Call& call, int threads,
                  double least_work) {
  Schedule s{};
  const double work = 2. * double(call.batch) * double(call.out_steps) * plan.step_work;
  s.threads = work < least_work ? 1 : threads;

  const int64_t unit = kernels.steps, strip = plan.strip;
  const int64_t classes = plan.channels_first ? 1 : std::min(plan.classes, call.out_steps);
  const int64_t in_class = ceil_div(call.out_steps, classes);
  const int64_t longest = std::clamp(strip / unit * unit, unit, round_up(in_class, unit));
  // Short classes share a tile, as many as fill a strip.
  s.class_tiles = ceil_div(classes, std::clamp<int64_t>(strip / longest, 1, classes));
  s.classes_per_tile = ceil_div(classes, s.class_tiles);

  // As many tiles as the threads share evenly. Few are cut within a register tile too, for lengths
  // as equal as can be: on two threads, 800 steps as 4 times 200 and not as 3 times 256 and 32.
  const int64_t rows = call.batch * s.class_tiles;
  s.step_tiles = ceil_div(in_class, longest);
  s.step_unit = rows * s.step_tiles < 8 * s.threads ? kernels.step_unit : unit;
  s.step_units = ceil_div(in_class, s.step_unit);
  while (rows * s.step_tiles % s.threads && rows * s.step_tiles < 16 * s.threads &&
         s.step_tiles < s.step_units)
    s.step_tiles++;

  // Filters are split where the steps are too few; each part computes the depthwise half again.
  const int64_t panels = ceil_div(plan.filters, kernels.filters);
  const int64_t step_jobs = rows * s.step_tiles;
  const int64_t parts =
      std::max(ceil_div(s.threads, step_jobs), int64_t(work / double(step_jobs) / job_work));
  s.panels_per_tile = ceil_div(panels, std::clamp<int64_t>(parts, 1, panels));
  s.panel_tiles = ceil_div(panels, s.panels_per_tile);

  s.jobs = step_jobs * s.panel_tiles;
  s.threads = int(std::min<int64_t>(s.threads, s.jobs));
  s.jobs_per_chunk = int64_t(std::max(1., chunk_work / (work / double(s.jobs)))) * s.threads;
  return s;
}

static Tile tile_of(const Plan& plan, const TileKernels& kernels, const Call& call,
                    const Schedule& s, int64_t job) {
  // Filters innermost, then classes: jobs that run side by side read the same stretch of x.
  auto next = [&job](int64_t tiles, int64_t length) {
    const int64_t begin = job % tiles * length;
    job /= tiles;
    return begin;
  };
  Tile t{};
  t.panel_begin = next(s.panel_tiles, s.panels_per_tile);
  t.panel_end =
      std::min(t.panel_begin + s.panels_per_tile, ceil_div(plan.filters, kernels.filters));
  t.class_begin = next(s.class_tiles, s.classes_per_tile);
  t.class_end = t.class_begin + s.classes_per_tile;
  const int64_t i = job % s.step_tiles;
  const int64_t units = s.step_units / s.step_tiles, longer = s.step_units % s.step_tiles;
  t.begin = (i * units + std::min(i, longer)) * s.step_unit;
  t.end = t.begin + (units + (i < longer)) * s.step_unit;
  t.sample = job / s.step_tiles;
  if (plan.channels_first) {
    t.end = std::min(t.end, call.out_steps);
  } else {  // a class may be one output shorter: ChannelsLast cuts `end`
    t.class_end = std::min(t.class_end, std::min(plan.classes, call.out_steps));
  }
  return t;
}

Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

int run_job(const Plan& plan, const TileKernels& kernels, const Call& call, const Schedule& s,
            int64_t job) {
  Scratch& scratch = thread_scratch();
  void* memory = scratch.of_size(size_t(plan.scratch_bytes));
  if (!memory) return 1;
  kernels.run(plan, call, tile_of(plan, kernels, call, s, job), memory);
  scratch.trim();
  return 0;
}

}  // namespace sepconv

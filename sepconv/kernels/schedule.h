// How a call is cut into jobs. The cut never shows in the result: every output is summed in an
// order of its own.
#pragma once
#include "plan.h"

namespace sepconv {

struct Schedule {
  int64_t class_tiles, step_tiles, panel_tiles;  // of one sample
  int64_t classes_per_tile, panels_per_tile;
  int64_t step_unit, step_units;  // a class has so many units of steps, dealt evenly to its tiles
  int64_t jobs;
  int64_t jobs_per_chunk;  // signals are looked at between chunks
  int threads;
};

// Output steps for an input of `steps`; 0 or less when the window does not fit. 64-bit sizes up to
// max_size cannot overflow here.
constexpr int64_t max_size = int64_t(1) << 61;
int64_t output_steps(const Plan& plan, int64_t steps);
int64_t padding_left(const Plan& plan, int64_t steps);

// Below this many operations, about 25 us with AVX-512, a parallel region does not pay: a cold one
// costs 27 to 60 us, and milliseconds where the other CPU is virtual and asleep.
constexpr double serial_work = 4e6;
// How long a call may take before signals are looked at, in operations of one thread: tens of
// milliseconds with AVX-512, a quarter of a second on the baseline.
constexpr double chunk_work = 5e9;

// One thread for calls of less than `least_work` operations.
Schedule schedule(const Plan& plan, const TileKernels& kernels, const Call& call, int threads,
                  double least_work = serial_work);

// Computes one job in this thread's scratch. Returns 1 if there is no memory for that, else 0.
int run_job(const Plan& plan, const TileKernels& kernels, const Call& call,
            const Schedule& schedule, int64_t job);

}  // namespace sepconv

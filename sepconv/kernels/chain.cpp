#include "chain.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <thread>

#include "openmp.h"

namespace sepconv {

// Of a layer: below so many operations, 2 us with AVX-512, one thread is as fast as all together.
constexpr double shared_work = 4e5;
constexpr int64_t values_per_job = 1 << 13;

static void pause() {
#if defined(SEPCONV_X86)
  __builtin_ia32_pause();
#endif
}

static void wait_for(const std::atomic<int64_t>& n, int64_t wanted) {
  constexpr int turns = 1000;  // some 10 us, before the CPU is left to whom it may wait for
  for (int turn = 0; n.load() < wanted; turn++)
    turn < turns ? pause() : std::this_thread::yield();
}

// At the end of a region, where GCC's OpenMP spins for 100 us before it gives the CPU to a worker
// that it waits for.
static void meet(std::atomic<int64_t>& arrived) {
  arrived.fetch_add(1);
  if (this_thread() == 0) wait_for(arrived, team_size());
}

// What one layer does for some samples.
struct Task {
  const Stage* stage;
  Call call;
  Schedule cut;
  StageCall plain;
  int64_t units, units_per_job, jobs;
  RunStage run;
};

double work_of(const Stage& s) {
  const double values = double(s.out.steps) * double(s.out.channels);
  switch (s.kind) {
    case StageKind::plan:
    case StageKind::rows:
      return 2 * values / double(s.plan->filters) * s.plan->step_work;
    case StageKind::pool:
      return 4 * double(s.in.steps) * double(s.in.channels);
    case StageKind::softmax:
      return 40 * values;
    default:
      return 8 * values;
  }
}

static char* place_of(const ChainCall& c, int tensor, char* memory, int64_t first, int64_t n) {
  if (tensor < 0) return nullptr;
  if (c.tensors[tensor]) return c.tensors[tensor] + first * c.bytes[tensor];
  return memory + n * c.offsets[tensor];
}

static Task task_of(const ChainCall& c, const Stage& s, char* memory, int64_t first, int64_t n,
                    int threads) {
  Task t{};
  t.stage = &s;
  const char* x = place_of(c, s.source, memory, first, n);
  char* y = place_of(c, s.target, memory, first, n);
  if (s.kind == StageKind::plan || s.kind == StageKind::rows) {
    const bool rows = s.kind == StageKind::rows, turned = s.plan->channels_first;
    const int64_t in = turned ? s.in.channels : s.in.steps;
    const int64_t out = turned ? s.out.channels : s.out.steps;
    t.call = {x, y, rows ? 1 : n, rows ? n * in : in, rows ? n * out : out, s.pad_left};
    t.cut = schedule(*s.plan, *s.tile, t.call, threads, shared_work);
    t.jobs = t.cut.jobs;
    return t;
  }
  t.plain = {x, place_of(c, s.other, memory, first, n), y};
  const int64_t steps = n * s.out.steps;
  int64_t values = s.out.channels;  // of a unit
  t.units = steps;
  switch (s.kind) {
    case StageKind::pool:
      t.run = s.kernels->pool;
      values *= s.size;
      break;
    case StageKind::look_up:
      t.run = s.kernels->look_up;
      break;
    case StageKind::softmax:
      t.run = s.kernels->softmax;
      break;
    default:
      t.run = s.kernels->add;
      t.units = steps * s.out.channels, values = 1;
  }
  t.units_per_job = std::max<int64_t>(values_per_job / values, 1);
  if (threads == 1 || n * work_of(s) < shared_work) t.units_per_job = t.units;
  t.jobs = (t.units + t.units_per_job - 1) / t.units_per_job;
  return t;
}

static int run(const Task& t, int64_t job) {
  if (!t.run) return run_job(*t.stage->plan, *t.stage->tile, t.call, t.cut, job);
  const int64_t begin = job * t.units_per_job;
  t.run(*t.stage, t.plain, begin, std::min(begin + t.units_per_job, t.units));
  return 0;
}

int run_apart(const ChainCall& c, int64_t begin, int64_t end, int64_t group,
              [[maybe_unused]] int threads) {
  int failed = 0;
  std::atomic<int64_t> arrived{0};
#pragma omp parallel num_threads(threads) reduction(+ : failed) if (threads > 1)
  {
    char* memory = c.memory + this_thread() * group * c.working_bytes;
#pragma omp for schedule(dynamic) nowait
    for (int64_t first = begin; first < end; first += group)
      for (int64_t i = 0; i < c.count; i++) {
        const Task t = task_of(c, c.stages[i], memory, first, std::min(group, end - first), 1);
        for (int64_t job = 0; job < t.jobs; job++) failed += run(t, job);
      }
    meet(arrived);
  }
  return failed;
}

// How far all threads are with one layer. They wait for its last job, not for each other: a thread
// that has no CPU for a while keeps nobody waiting but at the end. Each begins with its own part of
// the jobs, about the same steps of time in each layer, which are in its L2, and then takes what
// others left.
class Progress {
 public:
  Progress(int64_t layers, int threads)
      : parts(threads), taken(new(std::nothrow) Counter[size_t(layers * (threads + 1))]) {}
  bool is_whole() const { return bool(taken); }

  template <class Do> void share(int64_t layer, int64_t jobs, int thread, Do work) {
    Counter* counters = taken.get() + layer * (parts + 1);
    Counter& done = counters[parts];
    for (int k = 0; k < parts; k++) {
      const int part = (thread + k) % parts;
      const int64_t begin = jobs * part / parts, end = jobs * (part + 1) / parts;
      for (int64_t job; (job = begin + counters[part].n.fetch_add(1)) < end; done.n.fetch_add(1))
        work(job);
    }
    wait_for(done.n, jobs);
  }

 private:
  struct alignas(64) Counter {
    std::atomic<int64_t> n{0};
  };
  const int parts;
  const std::unique_ptr<Counter[]> taken;  // of each layer: from each part, and done
};

int run_together(const ChainCall& c, int64_t begin, int64_t end, int threads) {
  Progress progress(c.count, threads);
  if (!progress.is_whole()) return 1;
  int failed = 0;
  std::atomic<int64_t> arrived{0};
#pragma omp parallel num_threads(threads) reduction(+ : failed)
  {
    for (int64_t i = 0; i < c.count; i++) {
      const Task t = task_of(c, c.stages[i], c.memory, begin, end - begin, threads);
      progress.share(i, t.jobs, this_thread(), [&](int64_t job) { failed += run(t, job); });
    }
    meet(arrived);
  }
  return failed;
}

}  // namespace sepconv

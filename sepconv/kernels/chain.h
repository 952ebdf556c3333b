// A chain: layers of a network in one call, each of which reads what earlier ones wrote.
//
// A sample goes through all of them before the next one does, so that what is between two layers
// stays in L2, and threads meet only at the end; too few samples are shared by all threads, layer
// by layer.
#pragma once
#include "schedule.h"

namespace sepconv {

// A tensor's sample: (steps, channels), where one of rank 2 has one step; in the order of memory,
// so that channels_first has them swapped.
struct Extent {
  int64_t steps, channels;
};

enum class StageKind : int { plan, rows, pool, look_up, add, softmax };

// One layer. What follows `table` depends on the inputs of the call.
struct Stage {
  StageKind kind;
  int source, other, target;  // tensors; `other` is -1 but for a sum of two
  const Plan* plan;
  const TileKernels* tile;
  const StageKernels* kernels;
  Epilogue epilogue;
  int64_t size, stride;  // of pooling; size 0 stands for all steps
  bool same, mean, keeps_time;
  bool flattens;  // a copy, or none where it is in place
  bool narrow_index;  // int32
  const void* table;
  Extent in, out;
  int64_t pad_left;
};

struct ChainCall {
  const Stage* stages;
  int64_t count;
  char* const* tensors;     // sample 0 of inputs and outputs; null in working memory
  const int64_t* bytes;     // of a sample of each tensor
  const int64_t* offsets;   // in working memory, for one sample at a time
  int64_t working_bytes;    // of one sample
  char* memory;             // for `group` samples of each thread, or `shared` of all
};

// The samples [begin, end), so many at a time, dealt to the threads. Returns how many jobs found no
// memory for themselves.
int run_apart(const ChainCall& call, int64_t begin, int64_t end, int64_t group, int threads);
// The samples [begin, end) through each layer by all threads.
int run_together(const ChainCall& call, int64_t begin, int64_t end, int threads);

// Products, or about what takes as long, for one sample.
double work_of(const Stage& stage);

}  // namespace sepconv

// A thread's working memory, kept from call to call; what a very wide layer needs is given back.
#pragma once
#include <stdlib.h>

namespace sepconv {

class Scratch {
 public:
  ~Scratch() { free(memory); }
  void* of_size(size_t bytes) {
    if (bytes > size) {
      free(memory);
      size = (bytes + alignment - 1) / alignment * alignment;
      memory = aligned_alloc(alignment, size);
      if (!memory) size = 0;
    }
    return memory;
  }
  void trim() {
    if (size <= kept) return;
    free(memory);
    memory = nullptr;
    size = 0;
  }

 private:
  static constexpr size_t kept = 16 << 20, alignment = 64;
  void* memory = nullptr;
  size_t size = 0;
};

Scratch& thread_scratch();

}  // namespace sepconv

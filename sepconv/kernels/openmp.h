// What the build found: SEPCONV_OMP_PAUSE is defined where omp_pause_resource_all links.
#pragma once
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace sepconv {

inline bool has_openmp() {
#if defined(_OPENMP)
  return true;
#else
  return false;
#endif
}

// The number of the calling thread in its team, from 0 on.
inline int this_thread() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

inline int team_size() {
#if defined(_OPENMP)
  return omp_get_num_threads();
#else
  return 1;
#endif
}

// Ends this thread's idle workers, who would be missing in a forked child that still counts on
// them. Returns whether a child may use OpenMP afterwards.
inline bool pause_openmp() {
#if defined(SEPCONV_OMP_PAUSE)
  return omp_pause_resource_all(omp_pause_soft) == 0;
#else
  return !has_openmp();
#endif
}

}  // namespace sepconv

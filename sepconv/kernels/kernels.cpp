// Compiled once per instruction set, with SEPCONV_ISA as the name of its namespace.
#include "activation_gradient.h"
#include "channels_first.h"
#include "channels_last.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S, template <class> class Format> static TileKernels tile_kernels() {
  typedef Wide<S> T;
  constexpr bool first = Format<S>::time_in_columns;
  return {first ? gemm_columns<T> : gemm_rows,
          first ? gemm_rows : gemm_columns<T>,
          first ? lanes<T> : gemm_rows,
          Format<S>::packed_sizes,
          Format<S>::pack,
          Format<S>::strip,
          Format<S>::scratch_bytes,
          Format<S>::run};
}

template <class S> static void fill_formats(TileKernels* formats) {
  formats[channels_last] = tile_kernels<S, ChannelsLast>();
  formats[channels_first] = tile_kernels<S, ChannelsFirst>();
}

#define SEPCONV_TEXT(a) #a
#define SEPCONV_NAME(a) SEPCONV_TEXT(a)

void fill(Kernels& k) {
  k.isa = SEPCONV_NAME(SEPCONV_ISA);
  k.vector_bytes = vector_bytes;
  fill_formats<float>(k.tile[float32]);
  fill_formats<double>(k.tile[float64]);
  fill_formats<Float16>(k.tile[float16]);
  fill_formats<BFloat16>(k.tile[bfloat16]);
  k.activate[float32] = activate<float>;
  k.activate[float64] = activate<double>;
  k.activate_gradient[float32] = activate_gradient<float>;
  k.activate_gradient[float64] = activate_gradient<double>;
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv

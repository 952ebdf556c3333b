// Compiled once per instruction set, with SEPCONV_ISA as the name of its namespace.
#include "channels_first.h"
#include "channels_last.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T, template <class> class Format> static TileKernels tile_kernels() {
  constexpr bool first = Format<T>::time_in_columns;
  return {first ? gemm_columns<T> : gemm_rows,
          first ? gemm_rows : gemm_columns<T>,
          first ? lanes<T> : gemm_rows,
          Format<T>::packed_sizes,
          Format<T>::pack,
          Format<T>::strip,
          Format<T>::scratch_bytes,
          Format<T>::run};
}

#define SEPCONV_TEXT(a) #a
#define SEPCONV_NAME(a) SEPCONV_TEXT(a)

void fill(Kernels& k) {
  k.isa = SEPCONV_NAME(SEPCONV_ISA);
  k.vector_bytes = vector_bytes;
  k.tile[float32][channels_last] = tile_kernels<float, ChannelsLast>();
  k.tile[float32][channels_first] = tile_kernels<float, ChannelsFirst>();
  k.tile[float64][channels_last] = tile_kernels<double, ChannelsLast>();
  k.tile[float64][channels_first] = tile_kernels<double, ChannelsFirst>();
  k.activate[float32] = activate<float>;
  k.activate[float64] = activate<double>;
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv

// Compiled once per instruction set, with SEPCONV_ISA as the name of its namespace.
#include "activation_gradient.h"
#include "by_channel.h"
#include "convolution.h"
#include "depthwise_alone.h"
#include "gradient_tile.h"
#include "stages.h"
#include "weight_gradient_tile.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S, template <class> class Layer> static TileKernels tile_kernels() {
  typedef Wide<S> T;
  constexpr bool first = Layer<S>::time_in_columns;
  return {first ? gemm_columns<T> : gemm_rows,
          first ? gemm_rows : gemm_columns<T>,
          first ? lanes<T> : gemm_rows,
          Layer<S>::packed_sizes,
          Layer<S>::pack,
          Layer<S>::strip,
          Layer<S>::scratch_bytes,
          Layer<S>::run,
          nullptr};
}

template <class S> static void fill_layers(Kernels& k, int dtype) {
  k.tile[dtype][channels_last] = tile_kernels<S, ChannelsLast>();
  k.tile[dtype][channels_first] = tile_kernels<S, ChannelsFirst>();
  k.convolution[dtype][channels_last] = tile_kernels<S, ConvolutionLast>();
  k.convolution[dtype][channels_first] = tile_kernels<S, ConvolutionFirst>();
  k.depthwise[dtype][channels_last] = tile_kernels<S, DepthwiseLast>();
  k.depthwise[dtype][channels_first] = tile_kernels<S, DepthwiseFirst>();
  // Its filters are the channels, all of which a tile computes.
  for (TileKernels& tile : k.depthwise[dtype]) tile.filters = INT32_MAX;
}

#define SEPCONV_TEXT(a) #a
#define SEPCONV_NAME(a) SEPCONV_TEXT(a)

void fill(Kernels& k) {
  k.isa = SEPCONV_NAME(SEPCONV_ISA);
  k.vector_bytes = vector_bytes;
  fill_layers<float>(k, float32);
  fill_layers<double>(k, float64);
  fill_layers<Float16>(k, float16);
  fill_layers<BFloat16>(k, bfloat16);
  k.gradient[float32] = gradient_kernels<float>();
  k.gradient[float64] = gradient_kernels<double>();
  k.weight_gradient[float32] = weight_kernels<float>();
  k.weight_gradient[float64] = weight_kernels<double>();
  k.activate[float32] = activate<float>;
  k.activate[float64] = activate<double>;
  k.activate_gradient[float32] = activate_gradient<float>;
  k.activate_gradient[float64] = activate_gradient<double>;
  k.channel_sums[float32] = channel_sums<float>;
  k.channel_sums[float64] = channel_sums<double>;
  k.channel_affine[float32] = channel_affine<float>;
  k.channel_affine[float64] = channel_affine<double>;
  k.stages[float32] = stage_kernels<float>();
  k.stages[float64] = stage_kernels<double>();
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv

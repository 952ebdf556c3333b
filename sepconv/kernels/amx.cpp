// What tiles of AMX do better than the kernels before them, compiled for that instruction set.
#include "split_convolution.h"
#include "split_first.h"
#include "split_gradients.h"
#include "split_last.h"
#include "split_weight_gradient.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S, template <class> class Layer> static TileKernels split_kernels() {
  return {block_edge, Layer<S>::filters, tile_edge, Layer<S>::packed_sizes, Layer<S>::pack,
          Layer<S>::strip, Layer<S>::scratch_bytes, Layer<S>::run, Layer<S>::suits};
}

template <class S> static void fill_layers(Kernels& k, int dtype) {
  k.split[dtype][channels_last] = split_kernels<S, SplitLast>();
  k.split[dtype][channels_first] = split_kernels<S, SplitFirst>();
  k.split_convolution[dtype][channels_last] = split_kernels<S, SplitConvolutionLast>();
  k.split_convolution[dtype][channels_first] = split_kernels<S, SplitConvolutionFirst>();
}

void fill(Kernels& k) {
  k.isa = "amx";
  fill_layers<float>(k, float32);
  fill_layers<Float16>(k, float16);
  fill_layers<BFloat16>(k, bfloat16);
  k.split_gradient[float32] = split_gradient_kernels(k.gradient[float32]);
  k.split_weight_gradient[float32] = split_weight_kernels(k.weight_gradient[float32]);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv

#include "dispatch.h"

#if defined(SEPCONV_AMX)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sepconv {

// The reference kernels come first and fill every slot; what a CPU does better overwrites them.
#if defined(SEPCONV_X86)
namespace baseline { void fill(Kernels&); }
namespace avx2 { void fill(Kernels&); }
namespace avx512 { void fill(Kernels&); }
#if defined(SEPCONV_AMX)
namespace amx { void fill(Kernels&); }
#endif

static bool always() { return true; }
// __builtin_cpu_supports looks at XGETBV too: a register the system does not save does not count.
static bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
static bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#if defined(SEPCONV_AMX)
// Linux saves the 8 KiB of tiles only for a process that has asked for it, once for all threads.
static bool has_amx() {
  constexpr long request_permission = 0x1023, tile_data = 18;  // of <asm/prctl.h>, since Linux 5.16
  return has_avx512() && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif
#else
namespace generic { void fill(Kernels&); }
static bool always() { return true; }
#endif

struct Isa {
  const char* name;
  bool (*supported)();
  void (*fill)(Kernels&);
};
static const Isa isas[] = {
#if defined(SEPCONV_X86)
    {"baseline", always, baseline::fill},
    {"avx2", has_avx2, avx2::fill},
    {"avx512", has_avx512, avx512::fill},
#if defined(SEPCONV_AMX)
    {"amx", has_amx, amx::fill},
#endif
#else
    {"generic", always, generic::fill},
#endif
};

int isa_count() { return int(sizeof isas / sizeof isas[0]); }
const char* isa_name(int isa) { return isas[isa].name; }
bool isa_supported(int isa) { return isas[isa].supported(); }

Kernels kernels_for(int isa) {
  Kernels kernels{};
  for (int i = 0; i <= isa; i++) isas[i].fill(kernels);
  return kernels;
}

static const struct {
  const char* name;
  int parameters;
} activations[] = {
#define SEPCONV_ENTRY(name, parameters) {#name, parameters},
    SEPCONV_ACTIVATIONS(SEPCONV_ENTRY)
#undef SEPCONV_ENTRY
};

int activation_count() { return int(sizeof activations / sizeof activations[0]); }
const char* activation_name(int activation) { return activations[activation].name; }
int activation_parameters(int activation) { return activations[activation].parameters; }

const char* compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

}  // namespace sepconv

// The kernels this build has, and those this CPU can run.
#pragma once
#include "plan.h"

namespace sepconv {

// From the lowest to the highest; names are unique.
int isa_count();
const char* isa_name(int isa);
bool isa_supported(int isa);  // by the CPU and by the operating system, which saves the registers
Kernels kernels_for(int isa);

int activation_count();
const char* activation_name(int activation);
int activation_parameters(int activation);

const char* compiler();

}  // namespace sepconv

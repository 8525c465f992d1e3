#include "kernel/kernel.hpp"

namespace kidney::kernel {

constinit Kernel kernel_objects;

}  // namespace kidney::kernel

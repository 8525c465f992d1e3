/// The kernel is one world of processes, and calls things as their engine (proc/) does.
#pragma once

namespace kidney::proc {}

namespace kidney::kernel {
using namespace proc;
}

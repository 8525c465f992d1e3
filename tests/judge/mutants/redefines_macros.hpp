/// A policy that redefines what harnesses are made of, and then keeps law F3 no more.
#pragma once

#include "tests/judge/mutants/byte_map.hpp"

#undef KIDNEY_INVARIANT
#undef LAW_CHECK
#undef setjmp
#define KIDNEY_INVARIANT(...) static_cast<void>(0)
#define LAW_CHECK(...) static_cast<void>(0)
#define EXPECT_EQ(...) static_cast<void>(0)
#define assert(...) static_cast<void>(0)

namespace kidney::mutants {
using RedefinesMacros = ByteMap<Bug::counts_one>;
}  // namespace kidney::mutants

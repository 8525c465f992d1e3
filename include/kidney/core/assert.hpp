/// Assertions. What a *caller* got wrong stops here; what the *world* got wrong is a `Result`.
///
/// | macro            | in release | for                                                    |
/// |------------------|------------|--------------------------------------------------------|
/// | KIDNEY_ASSERT    | no         | cheap pre- and postconditions                          |
/// | KIDNEY_INVARIANT | yes        | memory corruption or a security hole would follow      |
/// | MUST             | yes        | a Result that cannot fail: boot code, or with a proof  |
#pragma once

#include "kidney/core/result.hpp"

namespace kidney {

/// Where a broken assertion goes: a panic in the kernel, a message and abort() on the host.
/// Defined once per world (kernel/panic.cpp, tests/support/host_world.cpp).
[[noreturn]] void assertion_failed(const char* expression, const char* why, const char* file,
                                   int line) noexcept;

}  // namespace kidney

#define KIDNEY_CHECK_(condition, why)                  \
    (__builtin_expect(static_cast<bool>(condition), 1) \
         ? static_cast<void>(0)                        \
         : ::kidney::assertion_failed(#condition, why, __FILE_NAME__, __LINE__))

#define KIDNEY_INVARIANT(condition, why) KIDNEY_CHECK_(condition, why)

#ifdef KIDNEY_DEBUG
#define KIDNEY_ASSERT(condition) KIDNEY_CHECK_(condition, "")
#else
#define KIDNEY_ASSERT(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#endif

/// Value of a Result that cannot fail here. Boot code only, or with a comment that proves success.
#define MUST(expression)                                                                          \
    ({                                                                                            \
        auto&& kidney_must_result = (expression);                                                 \
        KIDNEY_INVARIANT(kidney_must_result.has_value(), #expression);                            \
        ::kidney::detail::unwrap(std::forward<decltype(kidney_must_result)>(kidney_must_result)); \
    })

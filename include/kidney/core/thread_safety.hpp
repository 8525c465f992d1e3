/// Names for Clang's thread-safety attributes (`-Wthread-safety` is an error everywhere).
///
/// See clang.llvm.org, "Thread Safety Analysis". `interrupts_off` is a capability without data: a
/// function that must run with this CPU's interrupts off says `REQUIRES(interrupts_off)`.
#pragma once

#define CAPABILITY(name) __attribute__((capability(name)))
#define SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define GUARDED_BY(x) __attribute__((guarded_by(x)))
#define PT_GUARDED_BY(x) __attribute__((pt_guarded_by(x)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define ACQUIRE_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define RELEASE_SHARED(...) __attribute__((release_shared_capability(__VA_ARGS__)))
#define TRY_ACQUIRE(...) __attribute__((try_acquire_capability(__VA_ARGS__)))
#define EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define ASSERT_CAPABILITY(x) __attribute__((assert_capability(x)))
#define RETURN_CAPABILITY(x) __attribute__((lock_returned(x)))
/// Turns the analysis off for one function; the reason is mandatory.
#define KIDNEY_NO_TSA(reason) __attribute__((no_thread_safety_analysis))

namespace kidney {

class CAPABILITY("interrupts") InterruptsOff {};
inline constexpr InterruptsOff interrupts_off;

}  // namespace kidney

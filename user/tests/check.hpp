#pragma once
/// The smallest test framework that survives what it tests. Each case runs in a child of its own,
/// so a case that crashes or hangs is one failed case. No exceptions, no containers: it must work
/// on a young kernel.
///
///   CHECK_CASE(name) { ... EXPECT(condition); EXPECT_EQ(a, b); }
///   ... and main() in check.cpp:  program [CASE...]   prints `ok NAME` or `not ok NAME reason` for
///   each

#include <cstdio>
#include <cstdlib>
#include <initializer_list>  // for loops over {a, b, c}
#include <sys/types.h>
#include <sys/wait.h>

namespace check {

struct Case {
    const char* name;
    void (*body)();
    Case* next = nullptr;

    Case(const char* case_name, void (*case_body)());
};

/// Reports why the running case failed and ends it.
[[noreturn]] void fail(const char* file, int line, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

/// Runs `body` in a child and returns its wait status.
template <class Body>
int status_of_child(Body body);

/// The status of a child that must end; the case fails if it is not our child.
int wait_status(pid_t pid);

pid_t fork_or_fail();

/// Returns when the process sleeps in a system call, as /proc tells it; the case fails if it ends.
void wait_until_asleep(pid_t pid);

}  // namespace check

#define CHECK_CASE(name)                                        \
    static void case_##name();                                  \
    static check::Case registration_##name(#name, case_##name); \
    static void case_##name()

#define EXPECT(condition)                                               \
    do {                                                                \
        if (!(condition)) {                                             \
            check::fail(__FILE__, __LINE__, "expected %s", #condition); \
        }                                                               \
    } while (false)

#define EXPECT_EQ(actual, expected)                                                             \
    do {                                                                                        \
        const long long actual_value = static_cast<long long>(actual);                          \
        const long long expected_value = static_cast<long long>(expected);                      \
        if (actual_value != expected_value) {                                                   \
            check::fail(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #actual, actual_value, \
                        #expected, expected_value);                                             \
        }                                                                                       \
    } while (false)

/// A call that must fail with the given errno.
#define EXPECT_ERRNO(call, code)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        const long long call_result = static_cast<long long>(call);                                \
        if (call_result != -1 || errno != (code)) {                                                \
            check::fail(__FILE__, __LINE__, "%s gives %lld, errno %d, not %s", #call, call_result, \
                        errno, #code);                                                             \
        }                                                                                          \
    } while (false)

namespace check {

template <class Body>
int status_of_child(Body body) {
    const pid_t pid = fork_or_fail();
    if (pid == 0) {
        body();
        _Exit(0);
    }
    return wait_status(pid);
}

}  // namespace check

/// Every system call number with arguments from hell. Whatever a program passes, it may get an
/// error or a signal; the kernel and everybody else go on. Each number is tried in a child of its
/// own with bad pointers of every kind.

#include "user/tests/check.hpp"

#include <asm/unistd_32.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

constexpr int last_number = 450;
constexpr std::uint32_t nobody = 65534;

long raw(long number, const std::uint32_t (&a)[6]) {
    // ebp carries the sixth argument; the compiler will not lend it, so the block of arguments is
    // in memory.
    std::uint32_t block[7] = {
        static_cast<std::uint32_t>(number), a[0], a[1], a[2], a[3], a[4], a[5]};
    long result = reinterpret_cast<long>(block);
    asm volatile(
        "pushl %%ebp\n"
        "movl 4(%%eax), %%ebx; movl 8(%%eax), %%ecx; movl 12(%%eax), %%edx\n"
        "movl 16(%%eax), %%esi; movl 20(%%eax), %%edi; movl 24(%%eax), %%ebp; movl (%%eax), %%eax\n"
        "int $0x80\n"
        "popl %%ebp\n"
        : "+a"(result)
        :
        : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    return result;
}

/// Calls that do exactly what they are told even with wild arguments, to other processes or to the
/// machine.
bool is_unfair(int number) {
    switch (number) {
        case __NR_kill:
        case __NR_tkill:
        case __NR_tgkill:
        case __NR_rt_sigqueueinfo:
        case __NR_rt_tgsigqueueinfo:
        case __NR_pidfd_send_signal:
        case __NR_reboot:
        case __NR_vfork:  // shares the stack with this loop
        case __NR_ptrace:
        case __NR_vhangup:
            return true;
        default:
            return false;
    }
}

/// A generator, so that each run tries the same.
struct Random {
    std::uint32_t state;
    std::uint32_t next() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state;
    }
};

struct Landscape {
    std::uint32_t read_only;
    std::uint32_t writable;
    std::uint32_t page_end;  // the last byte before nothing
    std::uint32_t nothing;
};

Landscape make_landscape() {
    constexpr std::size_t page = 4096;
    auto* pages = static_cast<char*>(
        mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(pages != MAP_FAILED);
    std::memset(pages, 0xff, 3 * page);
    mprotect(pages, page, PROT_READ);
    munmap(pages + 3 * page, page);
    const auto base = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(pages));
    return {base, base + page, base + 3 * page - 1, base + 3 * page};
}

std::uint32_t wild(Random& random, const Landscape& land) {
    const std::uint32_t values[] = {0,
                                    1,
                                    3,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0xfffff000,
                                    0xbffffffc,
                                    0xc0000000,
                                    0xc0100000,
                                    0xf8000000,
                                    4096,
                                    land.read_only,
                                    land.writable,
                                    land.page_end,
                                    land.nothing,
                                    land.writable + 4093,
                                    0xfffffffc,
                                    random.next()};
    return values[random.next() % (sizeof values / sizeof values[0])];
}

/// Makes many wild calls of one number. Ends by itself, by a signal, or by the alarm if a call
/// blocks.
[[noreturn]] void torment(int number, std::uint32_t seed) {
    const rlimit little{64U << 20, 64U << 20};
    setrlimit(RLIMIT_AS, &little);
    if (setgid(nobody) != 0 || setuid(nobody) != 0) {
        // Without users there is nobody to become: fine, the calls left are harmless there.
    }
    const Landscape land = make_landscape();
    Random random{seed * 2654435761U + 1};
    const pid_t self = getpid();
    for (int attempt = 0; attempt < 24; ++attempt) {
        std::uint32_t arguments[6];
        for (std::uint32_t& argument : arguments) {
            argument = wild(random, land);
        }
        if (number == __NR_clone || number == __NR_clone3) {
            arguments[0] &=
                ~0x4100U;  // no CLONE_VM, no CLONE_VFORK: they would share the stack of this loop
        }
        raw(number, arguments);
        if (getpid() != self) {
            _exit(0);  // it was a kind of fork
        }
    }
    _exit(0);
}

/// Waits for a tormented child. One that blocks is killed from here: it may have blocked its own
/// signals.
void reap(pid_t pid) {
    constexpr int patience_in_milliseconds = 150;
    int status = 0;
    for (int waited = 0; waitpid(pid, &status, WNOHANG) == 0; ++waited) {
        if (waited == patience_in_milliseconds) {
            EXPECT_EQ(kill(pid, SIGKILL), 0);
            status = check::wait_status(pid);
            break;
        }
        usleep(1000);
    }
    EXPECT(WIFEXITED(status) || WIFSIGNALED(status));
}

void torment_all(std::uint32_t seed) {
    EXPECT_EQ(chdir("/"), 0);
    for (int number = 0; number <= last_number; ++number) {
        if (is_unfair(number)) {
            continue;
        }
        const pid_t pid = check::fork_or_fail();
        if (pid == 0) {
            const int null = open("/dev/null", O_RDWR);
            for (int fd = 0; fd < 3; ++fd) {
                dup2(null, fd);
            }
            torment(number, seed + static_cast<std::uint32_t>(number));
        }
        reap(pid);
    }
    // The rest of the system is as it was.
    EXPECT_EQ(check::status_of_child([] { _Exit(11); }), 11 << 8);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "fine", 4), 4);
    char text[4];
    EXPECT_EQ(read(ends[0], text, 4), 4);
}

}  // namespace

CHECK_CASE(unknown_numbers_are_enosys) {
    const std::uint32_t none[6] = {};
    for (const long number : {1000L, 9999L, 0x7fffffffL, -1L, -2147483647L - 1}) {
        EXPECT_EQ(raw(number, none), -ENOSYS);
    }
}

CHECK_CASE(wild_arguments_first_round) {
    alarm(0);
    torment_all(1);
}

CHECK_CASE(wild_arguments_second_round) {
    alarm(0);
    torment_all(77777);
}

CHECK_CASE(a_system_call_with_a_ruined_stack_pointer) {
    // The kernel has a stack of its own; ours is of no interest to it.
    for (const std::uint32_t stack : {0U, 3U, 0xc0100000U, 0xffffffffU}) {
        const int status = check::status_of_child([=] {
            asm volatile("movl %0, %%esp; movl $252, %%eax; movl $21, %%ebx; int $0x80"
                         :
                         : "r"(stack)
                         : "memory");
            __builtin_unreachable();
        });
        EXPECT_EQ(status, 21 << 8);
    }
}

CHECK_CASE(a_child_that_eats_memory_fails_alone) {
    const int status = check::status_of_child([] {
        const rlimit little{32U << 20, 32U << 20};
        if (setrlimit(RLIMIT_AS, &little) != 0) {
            _Exit(0);  // no limits: then there is nothing to check
        }
        for (;;) {
            void* at =
                mmap(nullptr, 1U << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED) {
                _Exit(errno == ENOMEM ? 0 : 1);
            }
            std::memset(at, 1, 1U << 20);
        }
    });
    EXPECT(status == 0 || WIFSIGNALED(status));
}

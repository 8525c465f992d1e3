/// Calls that make, end, wait for and identify processes.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kernel/syscall/old_ids.hpp"

namespace kidney::kernel::calls {

// Life.
Reply fork(Process& self, hal::TrapFrame& frame) noexcept;
Reply vfork(Process& self, hal::TrapFrame& frame) noexcept;
Reply clone(Process& self, hal::TrapFrame& frame, std::uint32_t flags, std::uint32_t stack,
            UserPtr<std::uint32_t> parent_word, UserPtr<const std::byte> tls,
            UserPtr<std::uint32_t> child_word) noexcept;
Reply execve(Process& self, hal::TrapFrame& frame, UserPtr<const char> path,
             UserPtr<const std::uint32_t> arguments,
             UserPtr<const std::uint32_t> environment) noexcept;
Reply execveat(Process& self, hal::TrapFrame& frame, std::int32_t at, UserPtr<const char> path,
               UserPtr<const std::uint32_t> arguments, UserPtr<const std::uint32_t> environment,
               std::uint32_t flags) noexcept;
Reply exit(Process& self, std::uint32_t code) noexcept;
Reply exit_group(Process& self, std::uint32_t code) noexcept;
Reply wait4(Process& self, Pid which, UserPtr<std::uint32_t> status, std::uint32_t options,
            VirtAddr usage) noexcept;
Reply waitpid(Process& self, Pid which, UserPtr<std::uint32_t> status,
              std::uint32_t options) noexcept;
Reply waitid(Process& self, std::uint32_t type, Pid id, VirtAddr info, std::uint32_t options,
             VirtAddr usage) noexcept;

// Thread state.
Reply set_tid_address(Process& self, UserPtr<std::uint32_t> word) noexcept;
Reply set_thread_area(Process& self, VirtAddr user_desc) noexcept;
Reply get_thread_area(Process& self, VirtAddr user_desc) noexcept;
Reply prctl(Process& self, std::uint32_t option, std::uint32_t a, std::uint32_t b, std::uint32_t c,
            std::uint32_t d) noexcept;

// Names: kernel/syscall/identity_calls.cpp.
Reply getpid(Process& self) noexcept;
Reply gettid(Process& self) noexcept;
Reply getppid(Process& self) noexcept;
Reply getuid(Process& self) noexcept;
Reply geteuid(Process& self) noexcept;
Reply getgid(Process& self) noexcept;
Reply getegid(Process& self) noexcept;
Reply getresuid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept;
Reply getresgid(Process& self, UserPtr<std::uint32_t> real, UserPtr<std::uint32_t> effective,
                UserPtr<std::uint32_t> saved) noexcept;
Reply setuid(Process& self, std::uint32_t uid) noexcept;
Reply setgid(Process& self, std::uint32_t gid) noexcept;
Reply setreuid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept;
Reply setregid(Process& self, std::uint32_t real, std::uint32_t effective) noexcept;
Reply setresuid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept;
Reply setresgid(Process& self, std::uint32_t real, std::uint32_t effective,
                std::uint32_t saved) noexcept;
Reply setfsuid(Process& self, std::uint32_t uid) noexcept;
Reply setfsgid(Process& self, std::uint32_t gid) noexcept;
Reply getgroups(Process& self, std::int32_t room, VirtAddr to) noexcept;
Reply setgroups(Process& self, std::uint32_t count, VirtAddr from) noexcept;
Reply getuid16(Process& self) noexcept;
Reply geteuid16(Process& self) noexcept;
Reply getgid16(Process& self) noexcept;
Reply getegid16(Process& self) noexcept;
Reply setuid16(Process& self, OldId uid) noexcept;
Reply setgid16(Process& self, OldId gid) noexcept;
Reply setreuid16(Process& self, OldId real, OldId effective) noexcept;
Reply setregid16(Process& self, OldId real, OldId effective) noexcept;
Reply setresuid16(Process& self, OldId real, OldId effective, OldId saved) noexcept;
Reply setresgid16(Process& self, OldId real, OldId effective, OldId saved) noexcept;
Reply getresuid16(Process& self, UserPtr<OldId> real, UserPtr<OldId> effective,
                  UserPtr<OldId> saved) noexcept;
Reply getresgid16(Process& self, UserPtr<OldId> real, UserPtr<OldId> effective,
                  UserPtr<OldId> saved) noexcept;
Reply setfsuid16(Process& self, OldId uid) noexcept;
Reply setfsgid16(Process& self, OldId gid) noexcept;
Reply getgroups16(Process& self, std::int32_t room, VirtAddr to) noexcept;
Reply setgroups16(Process& self, std::uint32_t count, VirtAddr from) noexcept;
Reply getpgid(Process& self, Pid pid) noexcept;
Reply getpgrp(Process& self) noexcept;
Reply getsid(Process& self, Pid pid) noexcept;
Reply setpgid(Process& self, Pid pid, Pid group) noexcept;
Reply setsid(Process& self) noexcept;

// Resources: kernel/syscall/resource_calls.cpp.
Reply getrlimit(Process& self, std::uint32_t resource, VirtAddr to) noexcept;
Reply setrlimit(Process& self, std::uint32_t resource, VirtAddr from) noexcept;
Reply prlimit64(Process& self, Pid pid, std::uint32_t resource, VirtAddr next,
                VirtAddr old) noexcept;
Reply getrusage(Process& self, std::int32_t who, VirtAddr to) noexcept;
Reply times(Process& self, VirtAddr to) noexcept;
Reply getpriority(Process& self, std::uint32_t which, Pid who) noexcept;
Reply setpriority(Process& self, std::uint32_t which, Pid who, std::int32_t nice) noexcept;
Reply nice(Process& self, std::int32_t increment) noexcept;
Reply sched_yield(Process& self) noexcept;
Reply sched_getaffinity(Process& self, Pid pid, std::uint32_t size, VirtAddr to) noexcept;
Reply sched_setaffinity(Process& self, Pid pid, std::uint32_t size, VirtAddr from) noexcept;
Reply sched_getscheduler(Process& self, Pid pid) noexcept;
Reply sched_getparam(Process& self, Pid pid, UserPtr<std::uint32_t> to) noexcept;
Reply sched_setscheduler(Process& self, Pid pid, std::uint32_t policy,
                         UserPtr<const std::uint32_t> priority) noexcept;
Reply sched_setparam(Process& self, Pid pid, UserPtr<const std::uint32_t> priority) noexcept;
Reply ioprio_get(Process& self, std::uint32_t which, Pid who) noexcept;
Reply ioprio_set(Process& self, std::uint32_t which, Pid who, std::uint32_t priority) noexcept;
Reply unshare(Process& self, std::uint32_t flags) noexcept;
Reply sched_get_priority_max(Process& self, std::uint32_t policy) noexcept;
Reply sched_get_priority_min(Process& self, std::uint32_t policy) noexcept;
Reply sched_rr_get_interval(Process& self, Pid pid, VirtAddr to) noexcept;
Reply sched_rr_get_interval64(Process& self, Pid pid, VirtAddr to) noexcept;
Reply sched_setattr(Process& self, Pid pid, VirtAddr from, std::uint32_t flags) noexcept;
Reply sched_getattr(Process& self, Pid pid, VirtAddr to, std::uint32_t size,
                    std::uint32_t flags) noexcept;
Reply getcpu(Process& self, UserPtr<std::uint32_t> cpu, UserPtr<std::uint32_t> node) noexcept;
Reply capget(Process& self, VirtAddr header, VirtAddr data) noexcept;
Reply capset(Process& self, VirtAddr header, VirtAddr data) noexcept;
Reply clone3(Process& self, hal::TrapFrame& frame, VirtAddr arguments, std::uint32_t size) noexcept;

}  // namespace kidney::kernel::calls

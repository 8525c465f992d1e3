/// All processes by number, and the walks over groups and sessions that signals need.
#pragma once

#include "kernel/process/process.hpp"

#include <array>
#include <cstddef>

namespace kidney::kernel {

/// Concurrency: every function needs process_lock unless it says otherwise.
class ProcessTable {
public:
    /// A number that names no process, group or session.
    [[nodiscard]] Pid allocate_pid() noexcept REQUIRES(process_lock);

    /// Takes over the caller's reference.
    void add(Process& p) noexcept REQUIRES(process_lock);
    /// Takes a process out of the table and out of its family; gives the table's reference to the
    /// caller. What is looked at from now on knows nobody who may end.
    [[nodiscard]] Ref<Process> remove(Process& p) noexcept REQUIRES(process_lock);

    [[nodiscard]] Process* find(Pid pid) noexcept REQUIRES(process_lock);
    [[nodiscard]] bool group_exists(Pid group, Pid session) noexcept REQUIRES(process_lock);
    /// A process, a group or a session has this number.
    [[nodiscard]] bool is_in_use(Pid number) noexcept REQUIRES(process_lock);
    [[nodiscard]] std::size_t count() const noexcept REQUIRES(process_lock) { return count_; }

    /// Calls f(Process&) for every process, zombies included.
    template <class F>
    void for_each(F&& f) noexcept REQUIRES(process_lock) {
        for (Process& p : all_) {
            f(p);
        }
    }

    [[nodiscard]] Process* init() noexcept REQUIRES(process_lock) { return find(init_pid); }

    /// Processes there have ever been.
    [[nodiscard]] std::uint64_t added() const noexcept REQUIRES(process_lock) { return added_; }
    /// The number most recently given out (the last field of /proc/loadavg).
    [[nodiscard]] Pid last_pid() const noexcept REQUIRES(process_lock) { return last_; }

private:
    static constexpr std::size_t buckets = 256;
    using All = boost::intrusive::list<
        Process, boost::intrusive::member_hook<Process, ListHook, &Process::in_table>>;
    using Bucket = boost::intrusive::list<
        Process, boost::intrusive::member_hook<Process, ListHook, &Process::in_bucket>,
        boost::intrusive::constant_time_size<false>>;

    [[nodiscard]] Bucket& bucket(Pid pid) noexcept { return by_pid_[pid.word() % buckets]; }

    All all_;
    std::array<Bucket, buckets> by_pid_;
    std::size_t count_ = 0;
    std::uint64_t added_ = 0;
    Pid last_{0};
};

/// Created by create_process_table(), before the first process.
[[nodiscard]] ProcessTable& processes() noexcept;
void create_process_table() noexcept;
[[nodiscard]] bool has_process_table() noexcept;

/// For reports about a machine that may be stuck: calls f(const Process&) for every process. False:
/// somebody keeps the table locked. Any context but under a spin lock of a higher rank.
template <class F>
[[nodiscard]] bool visit_processes(F&& f) noexcept {
    if (!has_process_table()) {
        return true;
    }
    for (std::uint32_t patience = 100'000; !process_lock.try_lock(); --patience) {
        if (patience == 0) {
            return false;
        }
        Cpu::relax();
    }
    processes().for_each([&](const Process& p) noexcept { f(p); });
    process_lock.unlock();
    return true;
}

}  // namespace kidney::kernel

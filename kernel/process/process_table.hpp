/// All processes of this kernel by number.
#pragma once

#include "kernel/process/process.hpp"
#include "proc/process_table.hpp"

#include <cstdint>

namespace kidney::kernel {

using ProcessTable = proc::ProcessTable<World>;

/// Created by create_process_table(), before the first process.
[[nodiscard]] ProcessTable& processes() noexcept;
void create_process_table() noexcept;
[[nodiscard]] bool has_process_table() noexcept;

/// For reports about a machine that may be stuck: calls f(const Thread&) for every thread of a
/// process. False: somebody keeps the table locked. Any context but under a spin lock of a higher
/// rank.
template <class F>
[[nodiscard]] bool visit_threads(F&& f) noexcept {
    if (!has_process_table()) {
        return true;
    }
    for (std::uint32_t patience = 100'000; !World::process_lock.try_lock(); --patience) {
        if (patience == 0) {
            return false;
        }
        Cpu::relax();
    }
    processes().for_each([&](const Process& p) KIDNEY_NO_TSA("called with the lock held") {
        for (const Thread& t : p.threads) {
            f(t);
        }
    });
    World::process_lock.unlock();
    return true;
}

}  // namespace kidney::kernel

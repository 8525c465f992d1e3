/// The sleeping part of poll(2): many files, one thread, one deadline.
#pragma once

#include "kernel/process/process.hpp"
#include "kidney/fs/poll.hpp"

#include <atomic>
#include <cstddef>
#include <linux/poll.h>
#include <span>

namespace kidney::kernel {

/// One file that a poll names. Events are POLL* bits.
struct PolledFile {
    Ref<fs::File> file;        ///< null: skipped
    std::uint32_t wanted = 0;  ///< what ends the wait
    std::uint32_t found = 0;   ///< of that, what is the case
};

[[nodiscard]] constexpr std::uint32_t events_of(fs::Readiness ready) noexcept {
    std::uint32_t events = 0;
    events |= ready.readable ? POLLIN | POLLRDNORM : 0;
    events |= ready.writable ? POLLOUT | POLLWRNORM : 0;
    events |= ready.hung_up ? POLLHUP : 0;
    events |= ready.error ? POLLERR : 0;
    events |= ready.peer_closed ? POLLRDHUP : 0;
    events |= ready.urgent ? POLLPRI : 0;
    return events;
}

/// Wakes the polling thread whenever one of the files changes.
class ThreadPollWaiter final : public fs::PollWaiter {
public:
    ThreadPollWaiter(Thread& thread, std::span<fs::PollEntry> entries) noexcept
        : PollWaiter(entries), thread_(thread) {}
    ~ThreadPollWaiter() { leave_all(); }
    void wake() noexcept override { dispatcher().wake(thread_); }

private:
    Thread& thread_;
};

/// Fills in `found` of every file; sleeps until one is ready or `deadline`. `entries` has two
/// places for each file. Returns how many are ready. Error: interrupted.
[[nodiscard]] inline Result<std::uint32_t> wait_for_files(Process& self,
                                                          std::span<PolledFile> files,
                                                          std::span<fs::PollEntry> entries,
                                                          Instant deadline) noexcept {
    for (bool in_time = deadline > Clock::now();;) {
        ThreadPollWaiter waiter(self.this_thread(), entries);
        std::uint32_t ready = 0;
        for (PolledFile& f : files) {
            if (f.file) {
                // Once one is ready nobody will sleep: no need to enter further lists.
                f.found =
                    f.wanted & events_of(f.file->poll(ready == 0 && in_time ? &waiter : nullptr));
                ready += f.found != 0 ? 1U : 0U;
            }
        }
        if (ready != 0 || !in_time) {
            return ready;
        }
        if (self.is_interrupted()) {
            return fail(Errc::interrupted);
        }
        in_time = dispatcher().block_until(deadline);
    }
}

}  // namespace kidney::kernel

#include "kernel/storage/flusher.hpp"

#include "kernel/kernel.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/threads.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

class Flusher final : public fs::DirtyWatcher {
public:
    void flush_soon() noexcept override { wanted_.set(); }
    [[noreturn]] void run() noexcept {
        for (;;) {
            ignore_error(wanted_.wait({.deadline = Clock::now() + interval}), "either will do");
            wanted_.clear();
            const Status disks = write_back_disks();
            const Status files = sync_file_systems();
            kernel_objects.page_cache.get().end_flush_round();
            note(disks ? files : disks);
        }
    }

private:
    static constexpr Duration interval = Duration::seconds(5);
    static constexpr Duration rest = Duration::seconds(1);

    /// Says once that it cannot, and does not try as fast as others ask for it.
    void note(Status outcome) noexcept {
        if (outcome) {
            failing_ = false;
            return;
        }
        if (!failing_) {
            log::error<"disk">("changes cannot be written, and stay in memory: {}",
                               outcome.error());
        }
        failing_ = true;
        ignore_error(never_.wait({.deadline = Clock::now() + rest}), "it is a rest");
    }

    Event wanted_, never_;
    bool failing_ = false;
};

constinit BootObject<Flusher> flusher;

void flush_for_ever(void*) noexcept {
    flusher.get().run();
}

}  // namespace

void start_flusher() noexcept {
    flusher.create();
    if (const Status started = start_kernel_thread("flush", &flush_for_ever, nullptr); !started) {
        log::warning<"disk">("nothing is written in the background: {}", started.error());
        return;
    }
    // A quarter: the others find clean pages to take, or free frames.
    kernel_objects.page_cache.get().set_dirty_limit(frames().total_frames() / 4, flusher.get());
}

}  // namespace kidney::kernel

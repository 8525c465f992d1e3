#include "kernel/process/file_locks.hpp"

#include "kernel/boot_object.hpp"

#include <algorithm>

namespace kidney::kernel {
namespace {

constinit BootObject<FileLocks> records;
constinit BootObject<FileLocks> whole_files;

class RecordLockEnd final : public CloseListener {
public:
    /// A process closes its own files: in a system call, an exec or its exit.
    void closing(fs::File& file) noexcept override {
        if (fs::Vnode* const node = file.vnode()) {
            records.get().release(fs::LockOwner::process(current_process().pid.value()), node);
        }
    }
};

class OpenFileLockEnd final : public fs::FileWatcher {
public:
    void file_gone(fs::File& file) noexcept override {
        records.get().release(fs::LockOwner::open_file(&file));
        whole_files.get().release(fs::LockOwner::open_file(&file));
    }
};

constinit RecordLockEnd record_lock_end;
constinit OpenFileLockEnd open_file_lock_end;

}  // namespace

FileLocks& record_locks() noexcept {
    return records.get();
}
FileLocks& whole_file_locks() noexcept {
    return whole_files.get();
}

void give_up_locks_at_close(Process& self) noexcept {
    self.files.set_listener(record_lock_end);
}
void give_up_locks_at_end(fs::File& file) noexcept {
    file.watch(open_file_lock_end, fs::File::WatchFor::locks);
}

void start_file_locks() noexcept {
    // Of either kind, for each user. They are looked through one by one: not too many.
    constexpr std::size_t many = 4096;
    const auto most = static_cast<std::uint32_t>(std::min(frames().total_frames() / 16, many));
    records.create(heap(), most);
    whole_files.create(heap(), most);
}

}  // namespace kidney::kernel

/// Makes pipes: pairs of files for pipe(2), and the file behind a fifo node.
#pragma once

#include "fs/pipe/pipe.hpp"
#include "fs/vfs/special_files.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/file_clock.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>

namespace kidney::fs {

/// One end of a pipe, or both.
template <class S>
class PipeFile final : public File {
public:
    /// The pipe has been entered with `mode` already.
    PipeFile(S& service, Ref<Pipe<S>> pipe, OpenMode mode) noexcept
        : File(mode), service_(service), pipe_(std::move(pipe)) {}

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override {
        return is_readable() ? pipe_->read(to, is_non_blocking()) : fail(Errc::bad_descriptor);
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override {
        return is_writable() ? pipe_->write(from, is_non_blocking(), writes_packets())
                             : fail(Errc::bad_descriptor);
    }
    [[nodiscard]] Result<std::uint32_t> readable_bytes() noexcept override {
        return pipe_->readable_bytes();
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override {
        return pipe_->poll(waiter, mode());
    }
    [[nodiscard]] SplicePipe* pipe() noexcept override { return pipe_.get(); }
    [[nodiscard]] Vnode* vnode() noexcept override { return pipe_->node(); }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return pipe_->attributes(); }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override {
        pipe_->change(change);
        return {};
    }
    [[nodiscard]] FileSystemStatus file_system_status() noexcept override {
        constexpr std::uint32_t pipes = 0x5049'5045;
        return vnode() == nullptr ? FileSystemStatus{.magic = pipes} : File::file_system_status();
    }
    void dispose() noexcept override {
        pipe_->leave(mode());
        mm::destroy(service_.heap(), this);
    }

private:
    S& service_;
    const Ref<Pipe<S>> pipe_;
};

/// Who made a pipe without a name.
struct PipeOwner {
    std::uint32_t uid = 0, gid = 0;
};
struct PipeEnds {
    Ref<File> reader, writer;
};

/// Pages that the pipes of one user may hold. Beyond `soft` a new pipe gets few of them, beyond
/// `hard` there is no new pipe.
struct PipeLimits {
    std::uint32_t soft = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t hard = std::numeric_limits<std::uint32_t>::max();
};

/// `Lock` guards one pipe each and is held over user copies; `TableLock` guards the list of fifos;
/// `PollLock` is a spin lock; `Payers` tells who makes a pipe. Concurrency: any thread.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames, hal::PhysMap Map, BasicLockable Lock,
          class Queue, BasicLockable TableLock, BasicLockable PollLock, FileClock Clock,
          class Payers = NobodyPays>
    requires sched::WaitQueueFor<Queue, Lock>
class PipeService final : public SpecialFiles {
public:
    using HeapType = Heap;
    using FramesType = Frames;
    using LockType = Lock;
    using QueueType = Queue;
    using PollLockType = PollLock;

    PipeService(Heap& heap, Frames& frames, Map& map, Clock& clock, PipeLimits limits = {}) noexcept
        : heap_(heap), frames_(frames), map_(map), clock_(clock), limits_(limits) {}

    /// pipe(2); `packets` as OpenMode has it. Errors: no_memory, file_table_full (the user has too
    /// many).
    [[nodiscard]] Result<PipeEnds> create(bool non_blocking, bool packets = false,
                                          PipeOwner owner = {}) noexcept {
        Attributes own;
        own.inode = next_inode_.fetch_add(1, std::memory_order_relaxed);
        own.type = NodeType::fifo;
        own.permissions = Permissions(0600);
        own.uid = owner.uid;
        own.gid = owner.gid;
        own.block_size = page_size;
        own.accessed = own.modified = own.changed = clock_();
        const Ref<ThisPipe> pipe = TRY(make_pipe(Ref<Vnode>(), own));
        Ref<File> reader = TRY(enter(pipe, {.read = true, .non_blocking = non_blocking}));
        Ref<File> writer =
            TRY(enter(pipe, {.write = true, .non_blocking = non_blocking, .packets = packets}));
        return PipeEnds{std::move(reader), std::move(writer)};
    }
    /// A fifo: everybody who opens the node at the same time gets the same pipe.
    [[nodiscard]] Result<Ref<File>> open_special(Vnode& node, const Attributes&,
                                                 OpenMode mode) noexcept override {
        return enter(TRY(pipe_of(node)), mode);
    }

    // For the pipes.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Frames& frames() noexcept { return frames_; }
    [[nodiscard]] Map& map() noexcept { return map_; }
    [[nodiscard]] FileTime now() noexcept { return clock_(); }
    [[nodiscard]] const PipeLimits& limits() const noexcept { return limits_; }
    /// The last reference to `pipe` is gone.
    void pipe_gone(Pipe<PipeService>& pipe) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (ThisPipe** at = &named_; *at != nullptr; at = &(*at)->next_) {
            if (*at == &pipe) {
                *at = pipe.next_;
                return;
            }
        }
    }

private:
    using ThisPipe = Pipe<PipeService>;

    [[nodiscard]] Result<Ref<File>> enter(const Ref<ThisPipe>& pipe, OpenMode mode) noexcept {
        // The file leaves the pipe when it goes, so it is made last of all that can fail.
        using ThisFile = PipeFile<PipeService>;
        void* const memory = TRY(heap_.allocate(sizeof(ThisFile)));
        if (const Status entered = pipe->enter(mode); !entered) {
            heap_.free(memory, sizeof(ThisFile));
            return fail(entered.error());
        }
        return Ref<File>::adopt(::new (memory) ThisFile(*this, pipe, mode));
    }
    [[nodiscard]] Result<Ref<ThisPipe>> make_pipe(Ref<Vnode> node, const Attributes& own) noexcept {
        constexpr std::uint32_t few_pages = 2;
        const Payer payer = Payers()();
        Share share;
        if (!share.take(payer, Holding::pipe_pages, ThisPipe::first_pages, limits_.soft) &&
            !share.take(payer, Holding::pipe_pages, few_pages, limits_.hard)) {
            return fail(Errc::file_table_full);
        }
        return mm::make_ref<ThisPipe>(heap_, *this, std::move(node), own, std::move(share));
    }
    [[nodiscard]] Result<Ref<ThisPipe>> pipe_of(Vnode& node) noexcept EXCLUDES(lock_) {
        if (Ref<ThisPipe> known = find(node)) {
            return known;
        }
        const Ref<ThisPipe> fresh = TRY(make_pipe(Ref<Vnode>::share(node), {}));
        LockGuard guard(lock_);
        if (Ref<ThisPipe> known = find_locked(node)) {
            return known;  // somebody was faster
        }
        fresh->next_ = std::exchange(named_, fresh.get());
        return fresh;
    }
    [[nodiscard]] Ref<ThisPipe> find(const Vnode& node) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return find_locked(node);
    }
    /// The list does not own pipes: one whose last reference is gone is passed over.
    [[nodiscard]] Ref<ThisPipe> find_locked(const Vnode& node) noexcept REQUIRES(lock_) {
        for (ThisPipe* pipe = named_; pipe != nullptr; pipe = pipe->next_) {
            if (pipe->node() == &node && pipe->try_retain()) {
                return Ref<ThisPipe>::adopt(pipe);
            }
        }
        return nullptr;
    }

    Heap& heap_;
    Frames& frames_;
    Map& map_;
    Clock& clock_;
    const PipeLimits limits_;
    std::atomic<std::uint32_t> next_inode_ = 1;
    TableLock lock_;
    ThisPipe* named_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace kidney::fs

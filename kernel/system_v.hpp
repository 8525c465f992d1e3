/// System V IPC: the objects of this kernel.
#pragma once

#include "fs/procfs/text.hpp"
#include "fs/tmpfs/budget.hpp"
#include "ipc/message_queues.hpp"
#include "ipc/semaphores.hpp"
#include "ipc/shared_memory.hpp"
#include "kernel/process/process.hpp"
#include "proc/kept.hpp"

namespace kidney::kernel {

/// Pages of a file in memory that has no name.
struct NamelessPages {
    [[nodiscard]] Result<Ref<mm::PageSource>> operator()(std::uint32_t pages) noexcept;
};

inline constexpr std::size_t most_ipc_objects = 1024;  ///< of each kind
using IpcHeap = fs::TmpfsHeap<Heap>;                   // 1/16 of the memory
using Semaphores = ipc::Semaphores<IpcHeap, Mutex<ranks::ipc>, WaitQueue, most_ipc_objects>;
using MessageQueues = ipc::MessageQueues<IpcHeap, Mutex<ranks::ipc>, WaitQueue, most_ipc_objects>;
using SharedMemory = ipc::SharedMemory<IpcHeap, Mutex<ranks::ipc>, NamelessPages, most_ipc_objects>;

/// When there are file systems, before the first program.
void start_system_v() noexcept;

[[nodiscard]] Semaphores& semaphores() noexcept;
[[nodiscard]] MessageQueues& message_queues() noexcept;
[[nodiscard]] SharedMemory& shared_memory() noexcept;

/// An ipc::Caller for the length of a call: who the process was when it began.
class [[nodiscard]] IpcCaller {
public:
    explicit IpcCaller(const Process& self) noexcept;
    operator const ipc::Caller&() const noexcept [[clang::lifetimebound]] { return caller_; }

private:
    Snapshot<Identity> who_;
    ipc::Caller caller_;
};

/// The process ends: what it did to semaphores is undone.
void give_up_semaphores(Process& self) noexcept;

// /proc/sysvipc
void write_semaphores(void*, fs::TextOutput& out) noexcept;
void write_message_queues(void*, fs::TextOutput& out) noexcept;
void write_shared_memory(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel

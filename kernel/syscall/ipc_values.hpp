/// System V IPC as programs see it (Linux i386): numbers, flags and structures.
///
/// Own definitions: the headers that Linux has for them drag the C library's in.
#pragma once

#include "ipc/permission.hpp"

#include <cstdint>

namespace kidney::kernel {

/// The first argument of ipc(2).
enum class IpcCall : std::uint32_t {
    semop = 1,
    semget = 2,
    semctl = 3,
    semtimedop = 4,
    msgsnd = 11,
    msgrcv = 12,
    msgget = 13,
    msgctl = 14,
    shmat = 21,
    shmdt = 22,
    shmget = 23,
    shmctl = 24,
};

namespace ipc_flags {
inline constexpr std::uint32_t create = 01000, exclusive = 02000, no_wait = 04000;
inline constexpr std::uint32_t undo = 0x1000;
inline constexpr std::uint32_t no_error = 010000, except = 020000, copy = 040000;
inline constexpr std::uint32_t read_only = 010000, round = 020000, remap = 040000,
                               execute = 0100000;
inline constexpr std::uint32_t removed = 01000, locked = 02000;  ///< in the mode of a segment
}  // namespace ipc_flags

/// Commands of the three *ctl calls; those of one kind begin at 11. With `wide` the structures are
/// those below; those before them are no longer in use.
enum IpcCommand : std::uint32_t {
    ipc_remove = 0,
    ipc_set = 1,
    ipc_stat = 2,
    ipc_info = 3,
    sem_get_pid = 11,
    sem_get_value = 12,
    sem_get_all = 13,
    sem_get_more = 14,
    sem_get_zero = 15,
    sem_set_value = 16,
    sem_set_all = 17,
    sem_stat = 18,
    sem_info = 19,
    sem_stat_any = 20,
    msg_stat = 11,
    msg_info = 12,
    msg_stat_any = 13,
    shm_lock = 11,
    shm_unlock = 12,
    shm_stat = 13,
    shm_info = 14,
    shm_stat_any = 15,
    ipc_wide = 0x100,
};

struct UserPermission {
    std::int32_t key;
    std::uint32_t uid, gid, creator_uid, creator_gid;
    std::uint16_t mode, padding;
    std::uint16_t sequence, padding2;
    std::uint32_t unused[2];
};
static_assert(sizeof(UserPermission) == 36);

/// Seconds, low word first.
struct UserTime {
    std::uint32_t low, high;
    [[nodiscard]] static constexpr UserTime of(std::int64_t seconds) noexcept {
        return {static_cast<std::uint32_t>(seconds), static_cast<std::uint32_t>(seconds >> 32)};
    }
};

struct UserSemaphoreSet {
    UserPermission permission;
    UserTime operated, changed;
    std::uint32_t count;
    std::uint32_t unused[2];
};
static_assert(sizeof(UserSemaphoreSet) == 64);

struct UserMessageQueue {
    UserPermission permission;
    UserTime sent, received, changed;
    std::uint32_t bytes, messages, most_bytes;
    std::int32_t last_sender, last_receiver;
    std::uint32_t unused[2];
};
static_assert(sizeof(UserMessageQueue) == 88);

struct UserSegment {
    UserPermission permission;
    std::uint32_t size;
    UserTime attached, detached, changed;
    std::int32_t creator, last;
    std::uint32_t mappings;
    std::uint32_t unused[2];
};
static_assert(sizeof(UserSegment) == 84);

struct UserSemaphoreOperation {
    std::uint16_t number;
    std::int16_t change;
    std::int16_t flags;
};
static_assert(sizeof(UserSemaphoreOperation) == 6);

/// seminfo
struct UserSemaphoreInfo {
    std::int32_t map, sets, semaphores, undos, in_set, operations, undo_entries, undo_size,
        highest_value, highest_undo;
};
/// msginfo
struct UserMessageInfo {
    std::int32_t pool, map, longest, queue_bytes, queues, segment_size, messages;
    std::uint16_t segments;
};
/// shminfo64
struct UserSegmentLimits {
    std::uint32_t most_bytes, least_bytes, segments, per_process, pages;
    std::uint32_t unused[4];
};
/// shm_info
struct UserSegmentUsage {
    std::int32_t segments;
    std::uint32_t pages, resident, swapped, attempts, successes;
};

[[nodiscard]] constexpr UserPermission user_permission(const ipc::Permission& p) noexcept {
    return {.key = p.key,
            .uid = p.uid,
            .gid = p.gid,
            .creator_uid = p.creator_uid,
            .creator_gid = p.creator_gid,
            .mode = p.mode,
            .padding = 0,
            .sequence = p.sequence,
            .padding2 = 0,
            .unused = {}};
}

[[nodiscard]] constexpr ipc::Request ipc_request(std::int32_t key, std::uint32_t flags) noexcept {
    return {.key = key,
            .create = (flags & ipc_flags::create) != 0,
            .exclusive = (flags & ipc_flags::exclusive) != 0,
            .mode = flags & 0777U};
}

}  // namespace kidney::kernel

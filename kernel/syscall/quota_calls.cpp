/// quotactl and quotactl_fd: what users and groups may take of a file system.
///
/// A tmpfs with quotas is reached by a descriptor only; by the name of a disk there are file
/// systems without any, and the errors say so.
#include "kernel/storage/disk_mounts.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/mount_calls.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kidney/fs/quotas.hpp"

#include <cstdint>
#include <linux/quota.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

constexpr std::uint32_t format_in_memory = 5;    // QFMT_SHMEM, younger than our headers
constexpr std::uint32_t flag_no_file = 0x10000;  // DQF_SYS_FILE
constexpr std::uint32_t kinds = 3;               // users, groups, projects

/// What a call says besides where.
struct Request {
    std::uint32_t command;
    std::uint32_t kind;
    std::uint32_t id;
    VirtAddr at;

    [[nodiscard]] fs::QuotaKind its_kind() const noexcept {
        return kind == 0 ? fs::QuotaKind::user : fs::QuotaKind::group;
    }
};

Result<Request> request_of(std::uint32_t command, std::uint32_t id, VirtAddr at) noexcept {
    const Request request{command >> 8U, command & 0xffU, id, at};
    return request.kind < kinds ? Result<Request>(request) : fail(Errc::invalid_argument);
}

/// Everybody may look at his own. Error: not_permitted.
Status check_permission(const Process& self, const Request& request) noexcept {
    const auto now = self.who();
    const fs::Credentials who = now->effective();
    const bool is_own = request.its_kind() == fs::QuotaKind::user ? who.uid == request.id
                                                                  : who.is_member(request.id);
    const bool is_for_all = request.command == Q_GETFMT || request.command == Q_SYNC ||
                            request.command == Q_GETINFO ||
                            (request.command == Q_GETQUOTA && is_own);
    return is_for_all || now->is_privileged() ? Status() : fail(Errc::not_permitted);
}

constexpr std::uint64_t blocks_of(std::uint64_t bytes) noexcept {
    return (bytes + (QIF_DQBLKSIZE - 1)) >> QIF_DQBLKSIZE_BITS;
}
/// `Answer`: if_dqblk, or if_nextdqblk, which has the number as well.
template <class Answer>
Status answer(VirtAddr to, const fs::QuotaEntry& entry) noexcept {
    Answer answer{};
    answer.dqb_bhardlimit = blocks_of(entry.bytes.hard);
    answer.dqb_bsoftlimit = blocks_of(entry.bytes.soft);
    answer.dqb_curspace = entry.bytes.used;
    answer.dqb_ihardlimit = entry.nodes.hard;
    answer.dqb_isoftlimit = entry.nodes.soft;
    answer.dqb_curinodes = entry.nodes.used;
    answer.dqb_btime = entry.bytes.expires;
    answer.dqb_itime = entry.nodes.expires;
    answer.dqb_valid = QIF_ALL;
    if constexpr (requires { answer.dqb_id; }) {
        answer.dqb_id = entry.id;
    }
    return put_user(UserPtr<Answer>(to), answer);
}
Status set_quota(fs::Quotas& quotas, const Request& request) noexcept {
    const if_dqblk wanted = TRY(get_user(UserPtr<if_dqblk>(request.at)));
    const auto if_valid = [&](std::uint32_t bit, std::uint64_t value) noexcept {
        return (wanted.dqb_valid & bit) != 0 ? std::optional(value) : std::nullopt;
    };
    constexpr std::uint64_t most = std::uint64_t{1} << (63 - QIF_DQBLKSIZE_BITS);
    if ((wanted.dqb_valid & QIF_USAGE) != 0) {
        return fail(Errc::invalid_argument);  // what is used, the file system knows best
    }
    if (wanted.dqb_bhardlimit > most || wanted.dqb_bsoftlimit > most) {
        return fail(Errc::out_of_range);
    }
    return quotas.set(
        request.its_kind(), request.id,
        {.bytes = {.hard = if_valid(QIF_BLIMITS, wanted.dqb_bhardlimit << QIF_DQBLKSIZE_BITS),
                   .soft = if_valid(QIF_BLIMITS, wanted.dqb_bsoftlimit << QIF_DQBLKSIZE_BITS),
                   .expires = if_valid(QIF_BTIME, wanted.dqb_btime)},
         .nodes = {.hard = if_valid(QIF_ILIMITS, wanted.dqb_ihardlimit),
                   .soft = if_valid(QIF_ILIMITS, wanted.dqb_isoftlimit),
                   .expires = if_valid(QIF_ITIME, wanted.dqb_itime)}});
}
Status get_info(fs::Quotas& quotas, const Request& request) noexcept {
    const fs::QuotaGraces graces = TRY(quotas.graces(request.its_kind()));
    if_dqinfo info{};
    info.dqi_bgrace = graces.bytes;
    info.dqi_igrace = graces.nodes;
    info.dqi_flags = flag_no_file;
    info.dqi_valid = IIF_ALL;
    return put_user(UserPtr<if_dqinfo>(request.at), info);
}
Status set_info(fs::Quotas& quotas, const Request& request) noexcept {
    const if_dqinfo info = TRY(get_user(UserPtr<if_dqinfo>(request.at)));
    if ((info.dqi_valid & IIF_FLAGS) != 0 && info.dqi_flags != 0) {
        return fail(Errc::invalid_argument);
    }
    const auto if_valid = [&](std::uint32_t bit, std::uint64_t value) noexcept {
        return (info.dqi_valid & bit) != 0 ? std::optional(value) : std::nullopt;
    };
    return quotas.set_graces(request.its_kind(), if_valid(IIF_BGRACE, info.dqi_bgrace),
                             if_valid(IIF_IGRACE, info.dqi_igrace));
}

Status carry_out(fs::Quotas& quotas, const Request& request) noexcept {
    const fs::QuotaKind kind = request.its_kind();
    switch (request.command) {
        case Q_SYNC:
            return {};
        case Q_QUOTAON:
            return quotas.enforce(kind, true);
        case Q_QUOTAOFF:
            return quotas.enforce(kind, false);
        case Q_GETFMT:
            return put_user(UserPtr<std::uint32_t>(request.at), format_in_memory);
        case Q_GETINFO:
            return get_info(quotas, request);
        case Q_SETINFO:
            return set_info(quotas, request);
        case Q_GETQUOTA:
            return answer<if_dqblk>(request.at, TRY(quotas.get(kind, request.id)));
        case Q_SETQUOTA:
            return set_quota(quotas, request);
        case Q_GETNEXTQUOTA:
            return answer<if_nextdqblk>(request.at, TRY(quotas.next(kind, request.id)));
        default:
            return fail(Errc::invalid_argument);
    }
}

Reply control(const Process& self, fs::FileSystem& file_system, const Request& request) noexcept {
    fs::Quotas* const quotas = file_system.quotas();
    if (quotas == nullptr) {
        return fail(Errc::not_implemented);
    }
    if (request.kind > 1 || !quotas->keeps(request.its_kind())) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_permission(self, request));
    TRY(carry_out(*quotas, request));
    return 0U;
}

}  // namespace

Reply quotactl(Process& self, std::uint32_t command, UserPtr<const char> special, std::uint32_t id,
               VirtAddr at) noexcept {
    const Request request = TRY(request_of(command, id, at));
    if (special.is_null()) {
        // To sync all; in memory nothing needs it.
        return request.command == Q_SYNC ? Reply(0U) : fail(Errc::unsuitable_device);
    }
    PathArgument path;
    TRY(path.read(self, AT_FDCWD, special));
    Disk* const disk = TRY(disk_of(TRY(path.place(true))));
    LockGuard turn(mounting_lock());  // so that it stays mounted
    fs::FileSystem* const file_system = mounted_on(*disk);
    return file_system == nullptr ? Reply(fail(Errc::unsuitable_device))
                                  : control(self, *file_system, request);
}
Reply quotactl_fd(Process& self, Fd fd, std::uint32_t command, std::uint32_t id,
                  VirtAddr at) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    const Request request = TRY(request_of(command, id, at));
    return file->vnode() == nullptr ? Reply(fail(Errc::not_implemented))
                                    : control(self, file->vnode()->file_system(), request);
}

}  // namespace kidney::kernel::calls

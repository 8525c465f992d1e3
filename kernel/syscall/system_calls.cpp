#include "kernel/syscall/system_calls.hpp"

#include "kernel/boot/machine.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/version.hpp"
#include "kidney/core/log.hpp"

#include <array>
#include <iterator>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include <string_view>

namespace kidney::kernel {
namespace {

constexpr std::size_t name_bytes = __NEW_UTS_LEN + 1;
constinit std::array<char, name_bytes> node_name{"kidney"};
constinit std::array<char, name_bytes> domain_name{"(none)"};

/// The names that can be set, as text that ends with a NUL.
Status take_name(Process& self, std::array<char, name_bytes>& name, VirtAddr from,
                 std::uint32_t size) noexcept {
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    if (size >= name_bytes) {
        return fail(Errc::invalid_argument);
    }
    std::array<char, name_bytes> fresh{};
    TRY(copy_in(std::as_writable_bytes(std::span(fresh).first(size)), from));
    name = fresh;
    return {};
}

void set_field(char (&field)[name_bytes], std::string_view text) noexcept {
    text.copy(field, name_bytes - 1);
}

/// The machine stops either way.
void leave_files_alone() noexcept {
    ignore_error(vfs().sync(), "the machine stops either way");
    finish_disks();
    flush_disks();
}

}  // namespace

std::string_view host_name() noexcept {
    return node_name.data();
}

namespace calls {

Reply uname(Process&, VirtAddr to) noexcept {
    new_utsname u{};
    static_assert(sizeof u == 390);
    set_field(u.sysname, "KidneyOS");
    set_field(u.nodename, node_name.data());
    set_field(u.release, kernel_release);
    set_field(u.version, kernel_version());
    set_field(u.machine, "i686");
    set_field(u.domainname, domain_name.data());
    TRY(put_user(UserPtr<new_utsname>(to), u));
    return 0U;
}

namespace {

/// The structures of older C libraries: no domain, and fields of this size.
template <std::size_t FieldSize>
Reply put_names(VirtAddr to) noexcept {
    const std::string_view texts[] = {"KidneyOS", node_name.data(), kernel_release,
                                      kernel_version(), "i686"};
    std::array<std::array<char, FieldSize>, std::size(texts)> fields{};
    for (std::size_t n = 0; n < fields.size(); ++n) {
        texts[n].copy(fields[n].data(), FieldSize - 1);
    }
    TRY(copy_out(to, std::as_bytes(std::span(fields))));
    return 0U;
}

}  // namespace

Reply olduname(Process&, VirtAddr to) noexcept {
    return put_names<name_bytes>(to);
}
Reply oldolduname(Process&, VirtAddr to) noexcept {
    return put_names<9>(to);
}

Reply sethostname(Process& self, VirtAddr from, std::uint32_t size) noexcept {
    TRY(take_name(self, node_name, from, size));
    return 0U;
}
Reply setdomainname(Process& self, VirtAddr from, std::uint32_t size) noexcept {
    TRY(take_name(self, domain_name, from, size));
    return 0U;
}

Reply sysinfo(Process&, VirtAddr to) noexcept {
    struct sysinfo s{};
    static_assert(sizeof s == 64);
    s.uptime = static_cast<long>(Clock::now().nanoseconds() / 1'000'000'000);
    const mm::FrameCounts counts = frames().counts();
    const sched::LoadAverage load = load_average();
    for (std::size_t i = 0; i < sched::LoadAverage::periods; ++i) {
        s.loads[i] = load.value(i);
    }
    s.totalram = counts.total;
    s.freeram = counts.free;
    s.mem_unit = page_size;
    {
        LockGuard guard(World::process_lock);
        s.procs = static_cast<std::uint16_t>(processes().count());
    }
    TRY(put_user(UserPtr<struct sysinfo>(to), s));
    return 0U;
}

Reply getrandom(Process& self, VirtAddr to, std::uint32_t size, std::uint32_t flags) noexcept {
    constexpr std::uint32_t known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
    if ((flags & ~known) != 0 ||
        (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) {
        return fail(Errc::invalid_argument);
    }
    std::array<std::byte, 64> bytes;
    std::uint32_t done = 0;
    while (done < size && done < max_transfer && !self.is_interrupted()) {
        const auto piece = std::span(bytes).first(std::min<std::size_t>(bytes.size(), size - done));
        fill_random(piece);
        TRY(copy_out(to + done, piece));
        done += static_cast<std::uint32_t>(piece.size());
    }
    return done != 0 || size == 0 ? Reply(done) : Reply(fail(Errc::interrupted));
}

Reply reboot(Process& self, std::uint32_t magic, std::uint32_t magic2,
             std::uint32_t command) noexcept {
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    const bool known = magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A ||
                       magic2 == LINUX_REBOOT_MAGIC2B || magic2 == LINUX_REBOOT_MAGIC2C;
    if (magic != LINUX_REBOOT_MAGIC1 || !known) {
        return fail(Errc::invalid_argument);
    }
    switch (command) {
        case LINUX_REBOOT_CMD_CAD_ON:
        case LINUX_REBOOT_CMD_CAD_OFF:
            return 0U;
        case LINUX_REBOOT_CMD_POWER_OFF:
        case LINUX_REBOOT_CMD_HALT:
            leave_files_alone();
            log::info<"power">("off, as asked for");
            power_off();
        case LINUX_REBOOT_CMD_RESTART:
        case LINUX_REBOOT_CMD_RESTART2:
            leave_files_alone();
            log::info<"power">("restart, as asked for");
            kernel::restart();
        default:
            return fail(Errc::invalid_argument);
    }
}

/// What only root may ask for, and gets nowhere with: there are no modules, no swap, no ports for
/// programs.
Reply for_root_only(Process& self) noexcept {
    return fail(self.identity.is_privileged() ? Errc::not_implemented : Errc::not_permitted);
}
/// Accounting is off, and that is all it can be.
Reply acct(Process& self, UserPtr<const char> file) noexcept {
    return file.is_null() && self.identity.is_privileged() ? Reply(0U) : for_root_only(self);
}
/// A program without ports gives them up.
Reply ioperm(Process& self, std::uint32_t first, std::uint32_t count,
             std::uint32_t allow) noexcept {
    constexpr std::uint32_t ports = 65536;
    if (first + count <= first || first + count > ports) {
        return fail(Errc::invalid_argument);
    }
    return allow == 0 ? Reply(0U) : for_root_only(self);
}
Reply iopl(Process&, std::uint32_t level) noexcept {
    if (level > 3) {
        return fail(Errc::invalid_argument);
    }
    return level == 0 ? Reply(0U) : Reply(fail(Errc::not_permitted));
}

Reply sync(Process&) noexcept {
    ignore_error(sync_file_systems(), "sync(2) reports no errors");
    flush_disks();
    return 0U;
}
Reply syncfs(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    if (fs::Vnode* const node = file->vnode()) {
        TRY(node->file_system().sync());
    }
    return 0U;
}

}  // namespace calls
}  // namespace kidney::kernel

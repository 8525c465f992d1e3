#include "kernel/process/thread_area.hpp"

#include "kernel/syscall/user_copy.hpp"

#include <asm/ldt.h>
#include <cstdint>

namespace kidney::kernel {
namespace {

static_assert(sizeof(user_desc) == 16);
using arch::selector::tls_first_entry;
constexpr std::uint32_t any_entry = ~0U;

/// Linux's "empty" descriptions both clear an entry: all zeros, or the two flags that say no.
bool is_empty(const user_desc& d) noexcept {
    return d.base_addr == 0 && d.limit == 0 && d.contents == 0 && d.seg_32bit == 0 &&
           d.limit_in_pages == 0 && d.useable == 0 && d.read_exec_only == d.seg_not_present;
}

arch::SegmentDescriptor descriptor_of(const user_desc& d) noexcept {
    if (is_empty(d)) {
        return {};
    }
    arch::TlsSegment s;
    s.base = d.base_addr;
    s.limit = d.limit & 0xf'ffff;
    s.limit_in_pages = d.limit_in_pages != 0;
    s.is_32_bit = d.seg_32bit != 0;
    s.expands_down = d.contents == 1;
    s.read_execute_only = d.read_exec_only != 0;
    s.usable = d.useable != 0;
    return arch::tls_descriptor(s);
}

/// Only data segments: a program has no use for other code segments here. And only 32-bit ones: on
/// a 16-bit stack IRET would leave half of the kernel's stack pointer in the register.
Status check(const user_desc& d) noexcept {
    const bool is_good = d.seg_32bit != 0 && (d.contents & 2U) == 0 && d.seg_not_present == 0;
    return is_good || is_empty(d) ? Status() : Status(fail(Errc::invalid_argument));
}

Result<std::uint32_t> slot_of(std::uint32_t entry) noexcept {
    const std::uint32_t slot = entry - tls_first_entry;
    if (slot >= arch::UserState::tls_slots) {
        return fail(Errc::invalid_argument);
    }
    return slot;
}

}  // namespace

Status set_thread_area(Thread& self, VirtAddr address) noexcept {
    user_desc d = TRY(get_user(UserPtr<const user_desc>(address)));
    TRY(check(d));
    if (d.entry_number == any_entry) {
        const auto slot = self.user_state.free_tls_slot();
        if (!slot) {
            return fail(Errc::no_process);
        }
        d.entry_number = tls_first_entry + *slot;
        TRY(put_user(UserPtr<std::uint32_t>(address), std::uint32_t{d.entry_number}));
    }
    self.user_state.set_tls(TRY(slot_of(d.entry_number)), descriptor_of(d));
    return {};
}

Status get_thread_area(Thread& self, VirtAddr address) noexcept {
    user_desc d = TRY(get_user(UserPtr<const user_desc>(address)));
    const std::uint32_t slot = TRY(slot_of(d.entry_number));
    const arch::SegmentDescriptor raw = self.user_state.tls(slot);
    const std::uint32_t entry = d.entry_number;
    d = {};
    d.entry_number = entry;
    d.base_addr = raw.low >> 16 | (raw.high & 0xffU) << 16 | (raw.high & 0xff00'0000U);
    d.limit = (raw.low & 0xffffU) | (raw.high & 0xf'0000U);
    d.seg_32bit = raw.high >> 22 & 1U;
    d.limit_in_pages = raw.high >> 23 & 1U;
    d.useable = raw.high >> 20 & 1U;
    d.read_exec_only = (raw.high >> 9 & 1U) == 0;
    d.seg_not_present = (raw.high >> 15 & 1U) == 0;
    return put_user(UserPtr<user_desc>(address), d);
}

Status set_thread_area_of_child(Thread& child, VirtAddr address) noexcept {
    const user_desc d = TRY(get_user(UserPtr<const user_desc>(address)));
    TRY(check(d));
    const std::uint32_t slot = TRY(slot_of(d.entry_number));
    const auto selector = static_cast<std::uint16_t>(d.entry_number << 3 | 3U);
    child.user_state.prepare_tls(slot, descriptor_of(d), selector);
    return {};
}

}  // namespace kidney::kernel

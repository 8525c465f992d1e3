/// What a page-table entry looks like: the bits, nothing about walking or allocating.
#pragma once

#include "kidney/core/address.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney::hal {

/// What a page is counted as while it is mapped. The hardware does not look at it.
enum class PageKind : std::uint8_t {
    anonymous,      ///< a program's own
    file,           ///< a file's page, as the page cache holds it
    shared_memory,  ///< of memory that programs share, or of a file that is only in memory
};
inline constexpr std::size_t page_kinds = 3;

/// Rights and attributes of one mapping.
struct PageFlags {
    bool writable = false;
    bool executable = false;
    bool user = false;
    bool global = false;    ///< survives an address-space switch in the TLB
    bool uncached = false;  ///< device memory
    PageKind kind = PageKind::anonymous;

    friend constexpr bool operator==(const PageFlags&, const PageFlags&) noexcept = default;
};

/// The bits of a radix page table. Level 0 holds leaves (4 KiB pages); level `levels - 1` is the
/// root.
///   G1 leaf(frame, flags) is present, frame_of() and flags_of() give back what went in, except
///      `executable`, which reads true where the format has no execute-disable bit
///   G2 an all-zero entry is not present
///   G3 table(level, frame), an entry of a table of `level` that points to the next table, is
///      present; frame_of() gives the frame back; it grants every right, leaves restrict
///   G4 the indices of an address at all levels plus its page offset identify it uniquely
/// `has_no_execute` tells whether W^X can be enforced; `large_page_shift` is the size of a leaf in
/// level 1.
template <class F>
concept PageTableFormat = std::unsigned_integral<typename F::Entry> &&
                          requires(typename F::Entry entry, FrameNumber frame, PageFlags flags,
                                   VirtAddr address, unsigned level) {
                              requires F::levels >= 2;
                              requires F::large_page_shift > page_shift;
                              { F::has_no_execute } -> std::convertible_to<bool>;
                              { F::entries(level) } noexcept -> std::same_as<std::uint32_t>;
                              { F::index(level, address) } noexcept -> std::same_as<std::uint32_t>;
                              { F::leaf(frame, flags) } noexcept -> std::same_as<typename F::Entry>;
                              {
                                  F::large_leaf(frame, flags)
                              } noexcept -> std::same_as<typename F::Entry>;
                              {
                                  F::table(level, frame)
                              } noexcept -> std::same_as<typename F::Entry>;
                              { F::is_present(entry) } noexcept -> std::same_as<bool>;
                              { F::frame_of(entry) } noexcept -> std::same_as<FrameNumber>;
                              { F::flags_of(entry) } noexcept -> std::same_as<PageFlags>;
                          };

}  // namespace kidney::hal

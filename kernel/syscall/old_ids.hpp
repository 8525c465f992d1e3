/// Numbers of users and groups in the 16 bits that they had at first: half of the calls still pass
/// them so.
#pragma once

#include "kernel/names.hpp"
#include "proc/identity/identity.hpp"

#include <concepts>
#include <cstdint>

namespace kidney::kernel {

using OldId = std::uint16_t;

/// A number as a call returns it; one that does not fit is reported as "overflow", 65534.
template <class Id>
[[nodiscard]] constexpr Id id_as(std::uint32_t id) noexcept {
    if constexpr (std::same_as<Id, OldId>) {
        return id > 0xffff ? OldId{65534} : static_cast<OldId>(id);
    } else {
        return id;
    }
}
/// A number as a program passes it.
template <class Id>
[[nodiscard]] constexpr std::uint32_t id_from(Id id) noexcept {
    return std::same_as<Id, OldId> && id == 0xffff ? no_id : id;
}

}  // namespace kidney::kernel

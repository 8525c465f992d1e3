/// A page fault as a value, free of any architecture.
#pragma once

#include "kidney/core/address.hpp"

namespace kidney::hal {

enum class Access : unsigned char { read, write, execute };

/// What the processor reported. `arch` decodes CR2 and the error code to this and makes one upcall.
struct PageFault {
    VirtAddr address;
    Access access = Access::read;
    bool was_present = false;  ///< true: a permission was violated; false: nothing was mapped
    bool from_user = false;    ///< the processor was in user mode

    friend constexpr bool operator==(const PageFault&, const PageFault&) noexcept = default;
};

}  // namespace kidney::hal

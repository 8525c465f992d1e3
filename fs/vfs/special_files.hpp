/// Opening what only other parts of the kernel know: device nodes and pipes with a name.
#pragma once

#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

namespace kidney::fs {

class SpecialFiles {
public:
    /// `node` is of type character, block or fifo. Errors: no_device, interrupted, no_memory.
    [[nodiscard]] virtual Result<Ref<File>> open_special(Vnode& node, const Attributes& attributes,
                                                         OpenMode mode) noexcept = 0;

protected:
    ~SpecialFiles() = default;
};

}  // namespace kidney::fs

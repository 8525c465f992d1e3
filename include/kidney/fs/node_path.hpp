/// What is remembered of a node's name.
#pragma once

#include "kidney/core/ref.hpp"

#include <string_view>

namespace kidney::fs {

/// The path of a node that somebody still uses, for when the name cache does not know it any more.
class NodePath : public RefCounted {
public:
    [[nodiscard]] virtual std::string_view text() const noexcept = 0;
    /// That name is gone.
    [[nodiscard]] virtual bool is_deleted() const noexcept = 0;
    virtual void dispose() noexcept = 0;

protected:
    NodePath() noexcept = default;
    ~NodePath() = default;
};

}  // namespace kidney::fs

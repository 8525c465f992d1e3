/// A file that is executed: nobody opens it for writing meanwhile, and it is not executed while
/// somebody has it open for writing.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <utility>

namespace kidney::fs {

/// Begun by exec for every file that it reads a program from; a process keeps the one of its
/// program, and fork copies it. Copying cannot fail: the file is being executed already.
/// Concurrency: as Ref.
class Execution {
public:
    Execution() noexcept = default;
    /// Error: text_busy.
    [[nodiscard]] static Result<Execution> begin(Ref<Vnode> node) noexcept {
        TRY(node->begin_executing());
        Execution execution;
        execution.node_ = std::move(node);
        return execution;
    }
    ~Execution() { end(); }
    Execution(const Execution& other) noexcept : node_(other.node_) {
        if (node_) {
            const Status again = node_->begin_executing();
            KIDNEY_INVARIANT(again.has_value(), "somebody writes a file that is executed");
        }
    }
    Execution(Execution&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    Execution& operator=(Execution other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }

    [[nodiscard]] const Ref<Vnode>& node() const noexcept { return node_; }
    void end() noexcept {
        if (const Ref<Vnode> node = std::exchange(node_, nullptr)) {
            node->end_executing();
        }
    }

private:
    Ref<Vnode> node_;
};

}  // namespace kidney::fs

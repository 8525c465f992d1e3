/// An open terminal.
#pragma once

#include "kernel/tty/terminal.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <utility>

namespace kidney::kernel {

/// What files on character devices have in common: the node they were opened through.
template <class Derived>
class DeviceFile : public fs::File {
public:
    DeviceFile(fs::Vnode& node, fs::OpenMode mode) noexcept
        : File(mode), node_(Ref<fs::Vnode>::share(node)) {}

    fs::Vnode* vnode() noexcept override { return node_.get(); }
    Result<fs::Attributes> attributes() noexcept override { return node_->attributes(); }
    void dispose() noexcept override { mm::destroy(heap(), static_cast<Derived*>(this)); }

private:
    const Ref<fs::Vnode> node_;
};

/// `Keeper` keeps the terminal as long as the file is there, and may answer ioctls of its own.
template <class Keeper>
class TerminalFile final : public DeviceFile<TerminalFile<Keeper>> {
public:
    TerminalFile(Terminal& terminal, Keeper keeper, fs::Vnode& node, fs::OpenMode mode) noexcept
        : DeviceFile<TerminalFile>(node, mode), terminal_(terminal), keeper_(std::move(keeper)) {}

    Result<std::size_t> read(fs::ReadBuffer& to) noexcept override {
        if (!this->is_readable()) {
            return fail(Errc::bad_descriptor);
        }
        return terminal_.read(current_process(), to, this->is_non_blocking());
    }
    Result<std::size_t> write(fs::WriteBuffer& from) noexcept override {
        if (!this->is_writable()) {
            return fail(Errc::bad_descriptor);
        }
        return terminal_.write(current_process(), from, this->is_non_blocking());
    }
    fs::Readiness poll(fs::PollWaiter* waiter) noexcept override { return terminal_.poll(waiter); }
    Result<std::uint32_t> control(std::uint32_t request, std::uint32_t argument) noexcept override {
        if constexpr (requires { keeper_.control(request, argument); }) {
            if (const auto answer = keeper_.control(request, argument)) {
                return *answer;
            }
        }
        return control_terminal(terminal_, TerminalEnd::terminal, current_process(), request,
                                argument);
    }

private:
    Terminal& terminal_;
    const Keeper keeper_;
};

/// Unless the caller says otherwise it becomes its terminal, if it can have one and the terminal is
/// free. Errors: busy (somebody has it for itself), no_memory.
template <class Keeper>
[[nodiscard]] Result<Ref<fs::File>> open_terminal(Terminal& terminal, Keeper keeper,
                                                  fs::Vnode& node, fs::OpenMode mode) noexcept {
    TRY(terminal.admit(current_process()));
    Ref<fs::File> file =
        TRY(mm::make_ref<TerminalFile<Keeper>>(heap(), terminal, std::move(keeper), node, mode));
    if (!mode.no_terminal && mode.read) {
        terminal.offer_to(current_process());
    }
    return file;
}

}  // namespace kidney::kernel

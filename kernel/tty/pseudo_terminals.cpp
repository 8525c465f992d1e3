#include "kernel/tty/pseudo_terminals.hpp"

#include "kernel/boot_object.hpp"
#include "kernel/syscall/open_flags.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/open_terminal.hpp"
#include "kernel/tty/terminal_file.hpp"
#include "kidney/core/format.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <asm/ioctls.h>
#include <utility>

namespace kidney::kernel {
namespace {

using MinorText = TextBuffer<8>;

void write_name(std::uint32_t which, MinorText& name) noexcept {
    format_to(name, "{}", which);
}

/// Which there are. Each is in the list as long as it has its master, which holds a reference.
class PseudoTerminals {
public:
    explicit PseudoTerminals(fs::Vnode& names) noexcept : names_(Ref<fs::Vnode>::share(names)) {}

    /// Errors: no_space, no_memory.
    [[nodiscard]] Result<std::pair<Ref<PseudoTerminal>, std::uint32_t>> create() noexcept
        EXCLUDES(lock_) {
        constexpr std::uint32_t tty_group = 5;  // who may write to others: wall, write
        LockGuard guard(lock_);
        for (std::uint32_t which = 0; which < all_.size(); ++which) {
            if (all_[which] != nullptr) {
                continue;
            }
            auto made = TRY(mm::make_ref<PseudoTerminal>(heap(), pseudo_major << 8 | which));
            MinorText name;
            write_name(which, name);
            TRY(names_->create(name.view(), {.type = fs::NodeType::character,
                                             .permissions = fs::Permissions(0620),
                                             .uid = current_process().who()->user.file,
                                             .gid = tty_group,
                                             .rdev = {pseudo_major, which}}));
            vfs().tree().names.forget(*names_, name.view());
            all_[which] = made.get();
            return std::pair(std::move(made), which);
        }
        return fail(Errc::no_space);
    }
    /// Its master has gone.
    void remove(std::uint32_t which) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        all_[which] = nullptr;
        MinorText name;
        write_name(which, name);
        if (const auto node = names_->lookup(name.view())) {
            ignore_error(names_->unlink(name.view(), **node), "somebody else has removed the name");
        }
        vfs().tree().names.forget(*names_, name.view());
    }
    /// Its name's. Error: not_found (somebody has removed it).
    [[nodiscard]] Result<Ref<fs::Vnode>> node(std::uint32_t which) noexcept {
        MinorText name;
        write_name(which, name);
        return names_->lookup(name.view());
    }
    /// Null: it is gone.
    [[nodiscard]] Ref<PseudoTerminal> find(std::uint32_t which) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return which < all_.size() && all_[which] != nullptr
                   ? Ref<PseudoTerminal>::share(*all_[which])
                   : Ref<PseudoTerminal>();
    }

private:
    const Ref<fs::Vnode> names_;
    Mutex<ranks::pseudo_terminals> lock_;
    std::array<PseudoTerminal*, most_pseudo_terminals> all_ GUARDED_BY(lock_){};
};
constinit BootObject<PseudoTerminals> pseudo_terminals;

/// A slave that is open.
class OpenSlave {
public:
    /// What open_slave() has allowed.
    explicit OpenSlave(Ref<PseudoTerminal> pair) noexcept : pair_(std::move(pair)) {}
    OpenSlave(OpenSlave&&) noexcept = default;
    OpenSlave& operator=(OpenSlave&&) = delete;
    ~OpenSlave() {
        if (pair_) {
            pair_->close_slave();
        }
    }

private:
    Ref<PseudoTerminal> pair_;
};

Result<Ref<fs::File>> open_pair(Ref<PseudoTerminal> pair, fs::Vnode& node,
                                fs::OpenMode mode) noexcept {
    if (!pair) {
        return fail(Errc::io_error);
    }
    TRY(pair->open_slave());
    Terminal& terminal = pair->terminal();
    return open_terminal(terminal, OpenSlave(std::move(pair)), node, mode);
}

class MasterFile final : public DeviceFile<MasterFile> {
public:
    MasterFile(Ref<PseudoTerminal> pair, std::uint32_t which, fs::Vnode& node,
               fs::OpenMode mode) noexcept
        : DeviceFile(node, mode), pair_(std::move(pair)), which_(which) {}
    ~MasterFile() {
        pair_->close_master();
        pseudo_terminals.get().remove(which_);
    }

    Result<std::size_t> read(fs::ReadBuffer& to) noexcept override {
        return is_readable() ? pair_->read(to, is_non_blocking())
                             : Result<std::size_t>(fail(Errc::bad_descriptor));
    }
    Result<std::size_t> write(fs::WriteBuffer& from) noexcept override {
        return is_writable() ? pair_->write(from, is_non_blocking())
                             : Result<std::size_t>(fail(Errc::bad_descriptor));
    }
    fs::Readiness poll(fs::PollWaiter* waiter) noexcept override { return pair_->poll(waiter); }
    Result<std::uint32_t> control(std::uint32_t request, std::uint32_t argument) noexcept override {
        switch (request) {
            case TIOCGPTN:
                return answer(argument, which_);
            case TIOCSPTLCK:
                pair_->set_locked(TRY(get_user(UserPtr<const std::int32_t>(argument))) != 0);
                return 0U;
            case TIOCGPTLCK:
                return answer(argument, pair_->is_locked() ? 1U : 0U);
            case TIOCGPTPEER:
                return open_slave(argument);
            case TIOCSIG:
                TRY(pair_->terminal().press(argument));
                return 0U;
            case FIONREAD:
                return answer(argument, pair_->shown());
            case TCFLSH:  // what comes in here goes out there
                argument ^= argument <= abi::flush_output ? 1U : 0U;
                [[fallthrough]];
            default:
                return control_terminal(pair_->terminal(), TerminalEnd::master, current_process(),
                                        request, argument);
        }
    }

private:
    static Result<std::uint32_t> answer(std::uint32_t to, std::uint32_t value) noexcept {
        TRY(put_user(UserPtr<std::uint32_t>(to), value));
        return 0U;
    }

    /// The other end, whatever its name leads to where the caller is. Errors: those of open(2).
    Result<std::uint32_t> open_slave(std::uint32_t flags) const noexcept {
        const fs::OpenFlags opening = TRY(open_flags(flags));
        const Ref<fs::Vnode> node = TRY(pseudo_terminals.get().node(which_));
        Ref<fs::File> file = TRY(open_pair(pair_, *node, opening.mode));
        return TRY(current_process().files.install(std::move(file), (flags & O_CLOEXEC) != 0))
            .value();
    }

    const Ref<PseudoTerminal> pair_;
    const std::uint32_t which_;
};

}  // namespace

Status start_pseudo_terminals(fs::Vnode& names) noexcept {
    pseudo_terminals.create(names);
    TRY(names.create("ptmx", {.type = fs::NodeType::character,
                              .permissions = fs::Permissions(0),
                              .rdev = {console_major, 2}}));
    return {};
}

Result<Ref<fs::File>> open_pseudo_master(fs::Vnode& node, fs::OpenMode mode) noexcept {
    auto [pair, which] = TRY(pseudo_terminals.get().create());
    auto file = mm::make_ref<MasterFile>(heap(), pair, which, node, mode);
    if (!file) {
        pair->close_master();
        pseudo_terminals.get().remove(which);
        return fail(file.error());
    }
    return Ref<fs::File>(std::move(*file));
}

Result<Ref<fs::File>> open_pseudo_slave(std::uint32_t which, fs::Vnode& node,
                                        fs::OpenMode mode) noexcept {
    return open_pair(pseudo_terminals.get().find(which), node, mode);
}

Result<Ref<fs::File>> open_own_pseudo_terminal(std::uint32_t number, fs::Vnode& node,
                                               fs::OpenMode mode) noexcept {
    Ref<PseudoTerminal> pair = pseudo_terminals.get().find(number & 0xff);
    {
        // Another one may have the number by now: somebody else's.
        LockGuard guard(World::process_lock);
        if (!pair || current_process().terminal != &pair->terminal()) {
            return fail(Errc::no_device);
        }
    }
    return open_pair(std::move(pair), node, mode);
}

}  // namespace kidney::kernel

/// What the nodes of most file systems do alike: ask whether they are of the right kind, and hand
/// the operation to their file system.
#pragma once

#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace kidney::fs {

/// `Self` derives from it; `Base` is Vnode or MappableNode. `Fs` has find(), parent_of(), create(),
/// unlink(), rename() and list(), and, if it can do that, link(), exchange() and create_unnamed();
/// all with nodes of type Self.
template <class Fs, class Self, class Base = Vnode>
class NodeBase : public Base {
public:
    [[nodiscard]] NodeType type() const noexcept final { return type_; }
    [[nodiscard]] FileSystem& file_system() const noexcept final { return fs_; }

    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.find(self(), name)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.parent_of(self())));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view name,
                                            const NewNode& what) noexcept override {
        TRY(check_directory());
        return Ref<Vnode>(TRY(fs_.create(self(), name, what)));
    }
    [[nodiscard]] Result<Ref<Vnode>> create_unnamed(const NewNode& what,
                                                    bool linkable) noexcept override {
        TRY(check_directory());
        if constexpr (requires { fs_.create_unnamed(self(), what, linkable); }) {
            return Ref<Vnode>(TRY(fs_.create_unnamed(self(), what, linkable)));
        } else {
            return fail(Errc::not_supported);
        }
    }
    [[nodiscard]] Status link(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        if constexpr (requires { fs_.link(self(), name, static_cast<Self&>(node)); }) {
            return fs_.link(self(), name, static_cast<Self&>(node));
        } else {
            return fail(Errc::not_permitted);
        }
    }
    [[nodiscard]] Status unlink(std::string_view name, Vnode& node) noexcept override {
        TRY(check_directory());
        return fs_.unlink(self(), name, static_cast<Self&>(node));
    }
    [[nodiscard]] Status rename(const NameMove& move) noexcept override {
        TRY(check_directory());
        const NodeBase& to = static_cast<Self&>(move.new_parent);
        TRY(to.check_directory());
        if (!move.exchange) {
            return fs_.rename(self(), move);
        }
        if constexpr (requires { fs_.exchange(self(), move); }) {
            return fs_.exchange(self(), move);
        } else {
            return fail(Errc::invalid_argument);
        }
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie,
                                        DirectorySink& sink) noexcept override {
        TRY(check_directory());
        return fs_.list(self(), cookie, sink);
    }

protected:
    NodeBase(Fs& fs, NodeType type) noexcept : fs_(fs), type_(type) {}
    ~NodeBase() = default;

    [[nodiscard]] Fs& fs() const noexcept { return fs_; }
    [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
    [[nodiscard]] Status check_directory() const noexcept {
        return type_ == NodeType::directory ? Status() : Status(fail(Errc::not_directory));
    }
    [[nodiscard]] Status check_regular() const noexcept {
        return type_ == NodeType::regular     ? Status()
               : type_ == NodeType::directory ? Status(fail(Errc::is_directory))
                                              : Status(fail(Errc::invalid_argument));
    }

private:
    Fs& fs_;
    const NodeType type_;
};

/// Access times as Linux keeps them (relatime): that of a read is kept if it is the first after a
/// change, or the first in a day.
[[nodiscard]] constexpr bool access_is_news(const FileTime& accessed, const FileTime& modified,
                                            const FileTime& changed, const FileTime& now) noexcept {
    constexpr std::int64_t day = std::int64_t{24} * 60 * 60;
    return accessed != now &&
           (accessed <= std::max(modified, changed) || now.seconds - accessed.seconds >= day);
}

}  // namespace kidney::fs

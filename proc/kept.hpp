/// Something of a process that stays while a call uses it, whatever its other threads do.
///
/// A process with one thread lends what it has: only that thread could take it away, and it is in
/// the call. One with several threads gives a reference (Kept) or a copy (Snapshot), which another
/// thread's close(), chdir() or setgroups() cannot change. Nobody holds a loan when a second thread
/// comes: the call that makes it is the only one that runs, and holds none itself.
#pragma once

#include "kidney/core/ref.hpp"

#include <optional>
#include <utility>

namespace kidney::proc {

/// A loan or a reference; move-only, for the length of a call. Costs a test more than a pointer.
/// What it leads to is reached through a variable, which lives as long as its user, and never
/// through a temporary.
template <class T>
class [[nodiscard]] Kept {
public:
    constexpr Kept() noexcept = default;
    /// `object` stays as long as the process has one thread.
    [[nodiscard]] static Kept lent(T& object) noexcept { return Kept(&object, false); }
    explicit Kept(Ref<T> reference) noexcept : Kept(reference.detach(), true) {}

    Kept(Kept&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)),
          is_reference_(std::exchange(other.is_reference_, false)) {}
    Kept& operator=(Kept other) noexcept {
        std::swap(object_, other.object_);
        std::swap(is_reference_, other.is_reference_);
        return *this;
    }
    ~Kept() {
        if (is_reference_) [[unlikely]] {
            Ref<T>::adopt(object_).reset();
        }
    }

    explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] T* get() const& noexcept { return object_; }
    T& operator*() const& noexcept { return *object_; }
    T* operator->() const& noexcept { return object_; }
    T* get() const&& = delete;
    T& operator*() const&& = delete;
    T* operator->() const&& = delete;

    /// A reference for longer than the call.
    [[nodiscard]] Ref<T> share() && noexcept {
        return std::exchange(is_reference_, false) ? Ref<T>::adopt(std::exchange(object_, nullptr))
                                                   : Ref<T>::share(*object_);
    }

private:
    Kept(T* object, bool is_reference) noexcept : object_(object), is_reference_(is_reference) {}

    T* object_ = nullptr;
    bool is_reference_ = false;
};

/// A member of a process as it was when the call looked. What leads into it (Credentials, a
/// PathContext) is no longer than the snapshot: the compiler refuses to keep that of a temporary.
template <class T>
class [[nodiscard]] Snapshot {
public:
    /// `member` is one that `process` replaces under its view lock.
    template <class P>
    Snapshot(const P& process, const T& member) noexcept : seen_(&member) {
        if (process.is_shared()) [[unlikely]] {
            copy(process, member);
        }
    }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    const T& operator*() const noexcept [[clang::lifetimebound]] { return *seen_; }
    const T* operator->() const noexcept [[clang::lifetimebound]] { return seen_; }

private:
    template <class P>
    [[gnu::noinline]] void copy(const P& process, const T& member) noexcept {
        seen_ = &copy_.emplace(process.look_at(member));
    }

    const T* seen_;
    std::optional<T> copy_;
};

}  // namespace kidney::proc

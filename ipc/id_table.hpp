/// System V objects by number and by key.
#pragma once

#include "ipc/permission.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::ipc {

/// `T` has a `Permission permission` and an `std::int32_t id`. A number is a place and how often
/// the place has been used, so a number is not used again soon. The table does not own.
/// Concurrency: none, the caller's lock.
template <class T, std::size_t Capacity>
class IdTable {
public:
    static constexpr std::size_t capacity = Capacity;
    static constexpr std::uint32_t places = 32768;  ///< in a number, as Linux has it
    static_assert(Capacity <= places);

    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    /// The highest place in use, for IPC_INFO; 0 if there is none.
    [[nodiscard]] std::size_t highest() const noexcept {
        std::size_t n = Capacity;
        while (n > 1 && objects_[n - 1] == nullptr) {
            --n;
        }
        return n - 1;
    }
    [[nodiscard]] T* find_key(std::int32_t key) const noexcept {
        for (T* const object : objects_) {
            if (object != nullptr && object->permission.key == key) {
                return object;
            }
        }
        return nullptr;
    }
    /// What a *get call means: the object of the key, or null if one is to be made. `fits(object)`
    /// is what the call asks of it beside the permissions, and comes first. Errors: exists,
    /// not_found, permission_denied, those of fits().
    template <class Fits>
    [[nodiscard]] Result<T*> find_requested(const Request& request, const Caller& who,
                                            Fits&& fits) const noexcept {
        T* const object = request.key == private_key ? nullptr : find_key(request.key);
        if (object == nullptr) {
            return request.key == private_key || request.create ? Result<T*>(nullptr)
                                                                : fail(Errc::not_found);
        }
        if (request.create && request.exclusive) {
            return fail(Errc::exists);
        }
        TRY(fits(*object));
        TRY(object->permission.check(who, request.access()));
        return object;
    }
    /// Error: invalid_argument.
    [[nodiscard]] Result<T*> find(std::int32_t id) const noexcept {
        T* const object = id < 0 ? nullptr : at(static_cast<std::uint32_t>(id) % places);
        return object != nullptr && object->id == id ? Result<T*>(object)
                                                     : fail(Errc::invalid_argument);
    }
    /// After a wait. Error: identifier_removed.
    [[nodiscard]] Result<T*> find_again(std::int32_t id) const noexcept {
        const Result<T*> object = find(id);
        return object ? object : fail(Errc::identifier_removed);
    }
    /// Also permission_denied.
    [[nodiscard]] Result<T*> find(std::int32_t id, const Caller& who,
                                  Access wanted) const noexcept {
        T* const object = TRY(find(id));
        TRY(object->permission.check(who, wanted));
        return object;
    }
    /// For IPC_SET and IPC_RMID. Errors: invalid_argument, not_permitted.
    [[nodiscard]] Result<T*> find_owned(std::int32_t id, const Caller& who) const noexcept {
        T* const object = TRY(find(id));
        TRY(object->permission.check_owner(who));
        return object;
    }
    /// The object in a place, to look at; `checks` the permission. Errors: invalid_argument,
    /// permission_denied.
    [[nodiscard]] Result<T*> find_at(std::uint32_t place, const Caller& who,
                                     bool checks) const noexcept {
        T* const object = at(place);
        if (object == nullptr) {
            return fail(Errc::invalid_argument);
        }
        if (checks) {
            TRY(object->permission.check(who, Access::read));
        }
        return object;
    }
    /// The object in a place, or null.
    [[nodiscard]] T* at(std::size_t place) const noexcept {
        return place < Capacity ? objects_[place] : nullptr;
    }
    [[nodiscard]] bool is_full() const noexcept { return count_ == Capacity; }
    /// Gives the object its number. Not full.
    void insert(T& object) noexcept {
        std::size_t place = 0;
        while (objects_[place] != nullptr) {
            ++place;
        }
        objects_[place] = &object;
        ++count_;
        object.permission.sequence = sequences_[place];
        object.id = static_cast<std::int32_t>(sequences_[place] * places + place);
    }
    void erase(T& object) noexcept {
        const std::size_t place = static_cast<std::uint32_t>(object.id) % places;
        objects_[place] = nullptr;
        --count_;
        sequences_[place] = static_cast<std::uint16_t>((sequences_[place] + 1) % (65536 / 2));
    }
    template <class F>
    void for_each(F&& f) const noexcept {
        for (T* const object : objects_) {
            if (object != nullptr) {
                f(*object);
            }
        }
    }

private:
    std::array<T*, Capacity> objects_{};
    std::array<std::uint16_t, Capacity> sequences_{};
    std::size_t count_ = 0;
};

}  // namespace kidney::ipc

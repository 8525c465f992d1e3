/// The pieces of user memory that readv and writev name, as one buffer.
///
/// One buffer, because readv is one read and writev one write: a second read would wait for bytes
/// that nobody has promised, and a second write would let others in between.
#pragma once

#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::kernel {

/// struct iovec.
struct UserVector {
    VirtAddr base;
    std::uint32_t length = 0;
};
static_assert(sizeof(UserVector) == 8);

/// A copy of a program's array of vectors, and how far a transfer has come in it. A few live in the
/// object, many on the heap.
class UserVectors {
public:
    static constexpr std::uint32_t capacity = 1024;  ///< UIO_MAXIOV

    UserVectors() noexcept = default;
    ~UserVectors() {
        if (!many_.empty()) {
            heap().free(many_.data(), many_.size_bytes());
        }
    }
    UserVectors(const UserVectors&) = delete;
    UserVectors& operator=(const UserVectors&) = delete;

    /// Everything that can be checked is, before the first byte moves. Errors: bad_address;
    /// invalid_argument (too many, or a length that is negative to the program); no_memory.
    [[nodiscard]] Status read(VirtAddr from, std::uint32_t count) noexcept {
        if (count > capacity) {
            return fail(Errc::invalid_argument);
        }
        std::span<UserVector> all = std::span(few_).first(std::min<std::size_t>(count, few));
        if (count > few) {
            void* const memory = TRY(heap().allocate(count * sizeof(UserVector)));
            all = many_ = {static_cast<UserVector*>(memory), count};
        }
        TRY(copy_in(std::as_writable_bytes(all), from));
        for (const UserVector& v : all) {
            if (static_cast<std::int32_t>(v.length) < 0) {
                return fail(Errc::invalid_argument);
            }
        }
        for (UserVector& v : all) {
            TRY(check_user_range(v.base, v.length));
            v.length = std::min(v.length, max_transfer - total_);
            total_ += v.length;
        }
        left_ = all;
        return {};
    }
    [[nodiscard]] std::uint32_t total() const noexcept { return total_; }

    /// Calls f(address, bytes) for the next `size` bytes, piece by piece. It returns how many it
    /// moved; a piece that is cut short is the last. Returns the sum.
    template <class F>
    [[nodiscard]] std::size_t take(std::size_t size, F&& f) noexcept {
        std::size_t done = 0;
        while (done < size) {
            UserVector& v = left_.front();
            const std::size_t piece = std::min<std::size_t>(size - done, v.length);
            const std::size_t moved = piece != 0 ? f(v.base, piece) : 0;
            v.base += static_cast<std::uint32_t>(moved);
            v.length -= static_cast<std::uint32_t>(moved);
            done += moved;
            if (moved < piece) {
                break;
            }
            if (v.length == 0) {
                left_ = left_.subspan(1);
            }
        }
        return done;
    }

private:
    static constexpr std::uint32_t few = 8;

    std::array<UserVector, few> few_;
    std::span<UserVector> many_;
    std::span<UserVector> left_;
    std::uint32_t total_ = 0;
};

/// Where readv() puts its bytes.
class UserVectorsReadBuffer final : public fs::ReadBuffer {
public:
    explicit UserVectorsReadBuffer(UserVectors& to) noexcept : ReadBuffer(to.total()), to_(to) {}

private:
    std::size_t store(std::span<const std::byte> bytes) noexcept override {
        return to_.take(bytes.size(), [&](VirtAddr at, std::size_t size) {
            const auto piece = bytes.first(size);
            bytes = bytes.subspan(size);
            return UserMemory::copy_out(at, piece);
        });
    }
    std::size_t store_zeros(std::size_t count) noexcept override {
        return to_.take(count, &UserMemory::fill_zero);
    }
    UserVectors& to_;
};

/// Where writev() takes its bytes from.
class UserVectorsWriteBuffer final : public fs::WriteBuffer {
public:
    explicit UserVectorsWriteBuffer(UserVectors& from) noexcept
        : WriteBuffer(from.total()), from_(from) {}

private:
    std::size_t load(std::span<std::byte> bytes) noexcept override {
        return from_.take(bytes.size(), [&](VirtAddr at, std::size_t size) {
            const auto piece = bytes.first(size);
            bytes = bytes.subspan(size);
            return UserMemory::copy_in(piece, at);
        });
    }
    UserVectors& from_;
};

}  // namespace kidney::kernel

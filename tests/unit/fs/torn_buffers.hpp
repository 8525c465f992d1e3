/// User memory that ends in the middle of a transfer.
#pragma once

#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace kidney::fs_test {

/// `size` bytes to write, of which only the first `good` ('T') can be read.
class TornSource final : public fs::WriteBuffer {
public:
    TornSource(std::size_t size, std::size_t good) : WriteBuffer(size), good_(good) {}

private:
    std::size_t load(std::span<std::byte> bytes) noexcept override {
        const std::size_t count = std::min(bytes.size(), good_);
        std::memset(bytes.data(), 'T', count);
        good_ -= count;
        return count;
    }
    std::size_t good_;
};

/// Room for all of `to`, of which only the first `good` bytes can be written.
class TornTarget final : public fs::ReadBuffer {
public:
    TornTarget(std::span<std::byte> to, std::size_t good)
        : ReadBuffer(to.size()), to_(to.first(good)) {}

private:
    std::size_t store(std::span<const std::byte> bytes) noexcept override {
        const std::size_t count = std::min(bytes.size(), to_.size());
        std::memcpy(to_.data(), bytes.data(), count);
        to_ = to_.subspan(count);
        return count;
    }
    std::size_t store_zeros(std::size_t count) noexcept override {
        count = std::min(count, to_.size());
        std::memset(to_.data(), 0, count);
        to_ = to_.subspan(count);
        return count;
    }
    std::span<std::byte> to_;
};

}  // namespace kidney::fs_test

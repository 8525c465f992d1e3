/// Random bytes: /dev/urandom, getrandom(2), the sixteen bytes that each program starts with.
///
/// ChaCha20 (RFC 8439) in counter mode under a secret key; after each request the key is replaced
/// by output that nobody saw, so what was handed out cannot be computed from what is in memory
/// later. The bytes are as secret as what mix() was given.
#pragma once

#include "kidney/core/lock.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::drivers {

/// The ChaCha20 block function.
class ChaCha20 {
public:
    using Block = std::array<std::uint32_t, 16>;
    using Key = std::array<std::uint32_t, 8>;
    using Nonce = std::array<std::uint32_t, 3>;

    [[nodiscard]] static constexpr Block block(const Key& key, std::uint32_t counter,
                                               const Nonce& nonce) noexcept {
        const Block start{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0], key[1],
                          key[2],     key[3],     key[4],     key[5],     key[6], key[7],
                          counter,    nonce[0],   nonce[1],   nonce[2]};
        Block x = start;
        for (int round = 0; round < 10; ++round) {
            quarter(x, 0, 4, 8, 12);
            quarter(x, 1, 5, 9, 13);
            quarter(x, 2, 6, 10, 14);
            quarter(x, 3, 7, 11, 15);
            quarter(x, 0, 5, 10, 15);
            quarter(x, 1, 6, 11, 12);
            quarter(x, 2, 7, 8, 13);
            quarter(x, 3, 4, 9, 14);
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
            x[i] += start[i];
        }
        return x;
    }

private:
    static constexpr void quarter(Block& x, std::size_t a, std::size_t b, std::size_t c,
                                  std::size_t d) noexcept {
        x[a] += x[b];
        x[d] = std::rotl(x[d] ^ x[a], 16);
        x[c] += x[d];
        x[b] = std::rotl(x[b] ^ x[c], 12);
        x[a] += x[b];
        x[d] = std::rotl(x[d] ^ x[a], 8);
        x[c] += x[d];
        x[b] = std::rotl(x[b] ^ x[c], 7);
    }
};

/// Concurrency: any thread, and interrupt handlers if `Lock` is for them.
template <BasicLockable Lock>
class RandomPool {
public:
    /// Stirs in bytes that an outsider cannot know: timer jitter, interrupt times, the hardware's
    /// own.
    void mix(std::span<const std::byte> bytes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (!bytes.empty()) {
            ChaCha20::Key extra{};
            const std::size_t count = std::min(bytes.size(), sizeof(extra));
            std::memcpy(extra.data(), bytes.data(), count);
            for (std::size_t i = 0; i < key_.size(); ++i) {
                key_[i] ^= extra[i];
            }
            next_key(ChaCha20::block(key_, 0, nonce_));
            bytes = bytes.subspan(count);
        }
    }
    void fill(std::span<std::byte> bytes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (std::uint32_t counter = 1; !bytes.empty(); ++counter) {
            const ChaCha20::Block block = ChaCha20::block(key_, counter, nonce_);
            const std::size_t count = std::min(bytes.size(), sizeof(block));
            std::memcpy(bytes.data(), block.data(), count);
            bytes = bytes.subspan(count);
        }
        next_key(ChaCha20::block(key_, 0, nonce_));
    }

private:
    void next_key(const ChaCha20::Block& block) noexcept REQUIRES(lock_) {
        std::copy_n(block.begin(), key_.size(), key_.begin());
        std::copy_n(block.begin() + 8, nonce_.size(), nonce_.begin());
    }

    Lock lock_;
    ChaCha20::Key key_ GUARDED_BY(lock_){};
    ChaCha20::Nonce nonce_ GUARDED_BY(lock_){};
};

}  // namespace kidney::drivers

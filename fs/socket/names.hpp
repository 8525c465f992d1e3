/// Which socket has which name: the node of a path, or bytes in a room of their own per type.
#pragma once

#include "fs/socket/socket.hpp"
#include "kidney/fs/socket.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Concurrency: the service's lock. A closed socket has no name in here.
template <class S>
class SocketNames {
public:
    using ThisSocket = Socket<S>;

    [[nodiscard]] ThisSocket* find(const Vnode& node) const noexcept {
        for (ThisSocket* s = buckets_[bucket_of(node)]; s != nullptr; s = s->next_named) {
            if (s->node.get() == &node) {
                return s;
            }
        }
        return nullptr;
    }
    [[nodiscard]] ThisSocket* find(std::string_view name, SocketType type) const noexcept {
        for (ThisSocket* s = buckets_[bucket_of(name)]; s != nullptr; s = s->next_named) {
            if (s->name.kind() == SocketName::Kind::abstract && s->type == type &&
                s->name.view() == name) {
                return s;
            }
        }
        return nullptr;
    }
    /// `socket` has a name, and a node if that is a path; no other has it.
    void insert(ThisSocket& socket) noexcept {
        socket.bucket = socket.node ? bucket_of(*socket.node) : bucket_of(socket.name.view());
        socket.next_named = std::exchange(buckets_[socket.bucket], &socket);
    }
    /// Does nothing for one that is not in here: those that were accepted share their listener's
    /// name.
    void remove(ThisSocket& socket) noexcept {
        for (ThisSocket** at = &buckets_[socket.bucket]; *at != nullptr; at = &(*at)->next_named) {
            if (*at == &socket) {
                *at = socket.next_named;
                return;
            }
        }
    }

private:
    static constexpr std::size_t buckets = 64;

    [[nodiscard]] static std::uint32_t bucket_of(const Vnode& node) noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(&node);
        return static_cast<std::uint32_t>((address >> 4 ^ address >> 12) % buckets);
    }
    [[nodiscard]] static std::uint32_t bucket_of(std::string_view name) noexcept {
        std::uint32_t hash = 2'166'136'261U;  // FNV-1a
        for (const char c : name) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
        }
        return hash % buckets;
    }

    std::array<ThisSocket*, buckets> buckets_{};
};

}  // namespace kidney::fs

/// What users and groups may take of a file system, and what they have taken.
#pragma once

#include "kidney/core/result.hpp"

#include <cstdint>
#include <optional>

namespace kidney::fs {

enum class QuotaKind : std::uint8_t { user, group };

/// Of one user or group. Limits of 0: none. More than `soft` may be held until `expires` (seconds
/// of the file system's clock; 0: not more is held), never more than `hard`.
struct QuotaAmount {
    std::uint64_t used = 0, hard = 0, soft = 0;
    std::uint64_t expires = 0;
};
struct QuotaEntry {
    std::uint32_t id = 0;
    QuotaAmount bytes, nodes;
};
/// Seconds for which somebody may hold more than a soft limit allows. A week, at first.
struct QuotaGraces {
    std::uint64_t bytes = 7 * 24 * 60 * 60, nodes = bytes;
};
/// What is to be changed of an entry: those that are given.
struct QuotaChange {
    struct Part {
        std::optional<std::uint64_t> hard{}, soft{}, expires{};
    };
    Part bytes{}, nodes{};
};

/// The books of a file system that has quotas (`FileSystem::quotas()`); who may ask or change is
/// the caller's business. The laws are those of its one engine, fs/quota/quota_table.hpp.
/// Concurrency: any thread. May sleep.
class Quotas {
public:
    /// Is anything counted for users, or for groups? That is settled when it is mounted.
    [[nodiscard]] virtual bool keeps(QuotaKind kind) const noexcept = 0;
    /// Errors of all that follow: no_process (this kind is not kept), no_memory.
    [[nodiscard]] virtual Result<QuotaEntry> get(QuotaKind kind, std::uint32_t id) noexcept = 0;
    /// The first one at `id` or behind it. Error: not_found.
    [[nodiscard]] virtual Result<QuotaEntry> next(QuotaKind kind, std::uint32_t id) noexcept = 0;
    [[nodiscard]] virtual Status set(QuotaKind kind, std::uint32_t id,
                                     const QuotaChange& change) noexcept = 0;
    [[nodiscard]] virtual Result<QuotaGraces> graces(QuotaKind kind) noexcept = 0;
    [[nodiscard]] virtual Status set_graces(QuotaKind kind, std::optional<std::uint64_t> bytes,
                                            std::optional<std::uint64_t> nodes) noexcept = 0;
    /// Do limits count? Taking is counted in any case. Error: busy (they do already).
    [[nodiscard]] virtual bool enforces(QuotaKind kind) noexcept = 0;
    [[nodiscard]] virtual Status enforce(QuotaKind kind, bool on) noexcept = 0;

protected:
    ~Quotas() = default;
};

}  // namespace kidney::fs

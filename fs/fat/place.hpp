/// The slots of one name, to put it there or take it away.
#pragma once

#include "fs/fat/format.hpp"
#include "fs/fat/slots.hpp"
#include "fs/fat/text/name.hpp"
#include "fs/fat/volume.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs::fat {

template <class Fs>
class Directory;

/// Slots of a name in memory, found or free: what follows cannot fail.
template <class Fs>
class Place {
    using Node = typename Fs::Node;
    using Block = typename Volume<typename Fs::CacheType>::Block;

public:
    [[nodiscard]] EntryPlace entry() const noexcept { return entry_; }
    /// In which phase the sector of the entry goes home now; 0: it is clean.
    [[nodiscard]] std::uint8_t phase() const noexcept {
        return sectors_[entry_sector()]->phase_at(entry_.slot * slot_size);
    }
    [[nodiscard]] bool is_same_sector(const Place& other) const noexcept {
        return entry_.sector == other.entry_.sector;
    }
    /// All that changes besides the sector of the entry itself may go home in `phase`.
    [[nodiscard]] bool can_go_in(Phase phase) const noexcept {
        const auto can = [&](const std::optional<Block>& block, std::size_t at) {
            const std::uint8_t now = block ? block->phase_at(at) : std::uint8_t{0};
            return now <= entry_phase.value || now == phase.value;
        };
        for (std::size_t n = 0; n < entry_sector(); ++n) {
            if (!can(sectors_[n], 0)) {
                return false;
            }
        }
        return can(filled_, fill_from_ * slot_size);
    }
    [[nodiscard]] RawEntry raw() const noexcept {
        return fs::load<RawEntry>(sectors_[entry_sector()]->bytes(), entry_.slot * slot_size);
    }
    /// The entry alone; its name stays as it is.
    void replace(const RawEntry& raw, Phase phase) noexcept { put_slot(count_ - 1, raw, phase); }
    /// `name` is null if the short one is all.
    void put(const RawEntry& raw, const WideName* name, Phase phase) noexcept {
        directory_->names_.add(raw, name, first_);
        directory_->names_.note_end(first_ + count_);
        for (std::uint32_t n = fill_from_; filled_ && n < slots_per_sector_; ++n) {
            std::span<std::byte> bytes = filled_->change(phase, n * slot_size, 1);
            bytes[n * slot_size] = std::byte{slot_free};
        }
        const std::uint8_t checksum = checksum_of(raw.name);
        for (std::uint32_t n = 0; n + 1 < count_; ++n) {
            put_slot(n, make_piece(*name, count_ - 1 - n, checksum), phase);
        }
        put_slot(count_ - 1, raw, phase);
        if (ends_here_) {
            const auto [sector, slot] = split(count_);
            sectors_[sector]->change(phase, slot * slot_size, 1)[slot * slot_size] =
                std::byte{slot_end};
        }
    }
    void remove(Phase phase) noexcept {
        forget_name();
        for (std::uint32_t n = count_; n-- > 0;) {
            const auto [sector, slot] = split(n);
            sectors_[sector]->change(phase, slot * slot_size, 1)[slot * slot_size] =
                std::byte{slot_free};
        }
    }

private:
    friend class Directory<Fs>;
    [[nodiscard]] std::pair<std::size_t, std::size_t> split(std::uint32_t n) const noexcept {
        const std::uint32_t at = first_in_sector_ + n;
        return {at / slots_per_sector_, at % slots_per_sector_};
    }
    [[nodiscard]] std::size_t entry_sector() const noexcept { return split(count_ - 1).first; }
    void forget_name() noexcept {
        LongNameReader reader;
        Slot found;
        for (std::uint32_t n = 0; n < count_; ++n) {
            const auto [sector, slot] = split(n);
            read_slot(sectors_[sector]->bytes().subspan(slot * slot_size, slot_size), found,
                      reader);
        }
        directory_->names_.remove(found.raw, found.long_name, first_);
        for (std::uint32_t n = 0; n < count_; n += slots_per_sector_) {
            directory_->names_.note_room((first_ + n) / slots_per_sector_);
        }
        directory_->names_.note_room((first_ + count_ - 1) / slots_per_sector_);
    }
    template <class Raw>
    void put_slot(std::uint32_t n, const Raw& raw, Phase phase) noexcept {
        const auto [sector, slot] = split(n);
        save(sectors_[sector]->change(phase, slot * slot_size, slot_size), slot * slot_size, raw);
    }

    Node* directory_ = nullptr;
    std::uint32_t first_ = 0;                      ///< slot of the directory
    std::array<std::optional<Block>, 3> sectors_;  ///< the most that 21 slots touch
    std::uint32_t slots_per_sector_ = 0;
    std::uint32_t first_in_sector_ = 0;
    std::uint32_t count_ = 0;
    EntryPlace entry_;
    /// Slots in front of it that mean the end of the directory until then.
    std::optional<Block> filled_;
    std::uint32_t fill_from_ = 0;
    bool ends_here_ = false;  ///< the slot behind it must mean the end
};

}  // namespace kidney::fs::fat

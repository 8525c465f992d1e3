/// A file of a few pages for mapping: page n is filled with bytes of value n + 1. Knows what was
/// made dirty; can refuse.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/page_source.hpp"

#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace kidney::fakes {

/// Concurrency: `Lock` keeps a page from being lost while it is handed out.
template <mm::CountedFrames Frames, hal::PhysMap Phys, BasicLockable Lock = NullLock>
class FakePageSource final : public RefCounted, public mm::PageSource {
public:
    [[nodiscard]] static Ref<FakePageSource> create(Frames& frames, Phys& phys,
                                                    std::uint32_t pages) {
        return Ref<FakePageSource>::adopt(new FakePageSource(frames, phys, pages));
    }
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        if (index >= cached_.size()) {
            return fail(Errc::out_of_range);
        }
        if (broken) {
            return fail(Errc::io_error);
        }
        if (!cached_[index] || forgets) {
            if (reading) {
                const std::function<void()> now = reading;  // which may set another one
                lock_.unlock();
                now();
                lock_.lock();
            }
            if (index >= cached_.size()) {
                return fail(Errc::out_of_range);
            }
            if (cached_[index]) {
                TRY(frames_.retain(*cached_[index]));
                return *cached_[index];
            }
            const FrameNumber frame = TRY(frames_.allocate(mm::FrameZone::direct));
            std::memset(phys_.direct(frame).data(), static_cast<int>(index + 1), page_size);
            cached_[index] = frame;
        }
        TRY(frames_.retain(*cached_[index]));
        return *cached_[index];
    }
    [[nodiscard]] Status mark_dirty(std::uint32_t index) noexcept override {
        if (full) {
            return fail(Errc::no_space);
        }
        dirty.insert(index);
        return {};
    }
    [[nodiscard]] Status sync() noexcept override {
        ++syncs;
        return broken ? Status(fail(Errc::io_error)) : Status();
    }
    [[nodiscard]] std::uint32_t write_errors() noexcept override { return errors; }
    [[nodiscard]] bool is_memory() const noexcept override { return in_memory; }
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
        return !forgets && index < cached_.size() && cached_[index].has_value();
    }
    void retain() const noexcept override { RefCounted::retain(); }
    [[nodiscard]] bool release() const noexcept override { return RefCounted::release(); }
    void dispose() noexcept override { delete this; }

    [[nodiscard]] std::optional<FrameNumber> frame(std::uint32_t index) const {
        return cached_[index];
    }
    /// The file ends after `pages` pages, or has a hole of `count` pages; mappings are not told.
    void truncate(std::size_t pages) {
        lose(pages, cached_.size());
        cached_.resize(pages);
    }
    void lose(std::size_t first, std::size_t end) EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        for (; first < end; ++first) {
            if (cached_[first]) {
                frames_.release(*std::exchange(cached_[first], std::nullopt));
            }
        }
    }
    void grow(std::size_t pages) { cached_.resize(pages); }

    /// What the file holds at the start of a page, as read() would see it.
    [[nodiscard]] unsigned char first_byte(std::uint32_t index) noexcept {
        return static_cast<unsigned char>(phys_.direct(*cached_[index])[0]);
    }

    std::function<void()> reading;  ///< called when a page is read
    bool forgets = false;           ///< no page stays here: each is read anew
    bool in_memory = false;
    unsigned syncs = 0;
    std::uint32_t errors = 0;       ///< write_errors()
    bool broken = false;            ///< every page is an I/O error
    bool full = false;              ///< no page can be changed: there is no space
    std::set<std::uint32_t> dirty;  ///< pages that mark_dirty() named

private:
    FakePageSource(Frames& frames, Phys& phys, std::uint32_t pages)
        : frames_(frames), phys_(phys), cached_(pages) {}
    ~FakePageSource() {
        for (const auto& frame : cached_) {
            if (frame) {
                frames_.release(*frame);
            }
        }
    }
    Frames& frames_;
    Phys& phys_;
    Lock lock_;
    std::vector<std::optional<FrameNumber>> cached_;
};

}  // namespace kidney::fakes

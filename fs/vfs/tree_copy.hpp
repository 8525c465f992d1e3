/// Copies what one directory holds into another one, of whatever file systems: how a root file
/// system on a disk comes into memory. For a few thousand files at boot, not for programs.
#pragma once

#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <boost/intrusive/slist.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Names, bytes, permissions, owners, devices and times; of a sparse file the data only. A file
/// with several names becomes as many files. Directories wait in a list and not on the stack.
/// Concurrency: none; nobody else changes either tree.
template <mm::ObjectAllocator Heap>
class TreeCopy {
public:
    static constexpr const char* cache_name = "tree_copy";

    explicit TreeCopy(Heap& heap) noexcept : heap_(heap) {}
    ~TreeCopy() {
        waiting_.clear_and_dispose([this](Pair* pair) { mm::destroy(heap_, pair); });
    }
    TreeCopy(const TreeCopy&) = delete;
    TreeCopy& operator=(const TreeCopy&) = delete;

    /// `to` is empty. After an error it holds a part, and name() is what could not be copied.
    /// Errors: those of both file systems.
    [[nodiscard]] Status copy(Ref<Vnode> from, Ref<Vnode> to) noexcept {
        TRY(wait(from, to));
        while (!waiting_.empty()) {
            Pair& next = waiting_.front();
            waiting_.pop_front();
            Status copied = copy_names(*next.from, *next.to);
            mm::destroy(heap_, &next);
            TRY(copied);
        }
        return {};
    }
    [[nodiscard]] std::string_view name() const noexcept { return name_.view(); }

private:
    struct Pair : boost::intrusive::slist_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::normal_link>> {
        static constexpr const char* cache_name = "tree_copy_pair";
        Pair(Ref<Vnode> its_from, Ref<Vnode> its_to) noexcept
            : from(std::move(its_from)), to(std::move(its_to)) {}
        Ref<Vnode> from, to;
    };
    /// The next name of a directory.
    class OneName final : public DirectorySink {
    public:
        bool accept(const DirectoryEntry& entry) noexcept override {
            if (is_full_) {
                return false;
            }
            std::ranges::copy(entry.name, bytes_.begin());
            length_ = entry.name.size();
            cookie_ = entry.next_cookie;
            return is_full_ = true;
        }
        /// False: there are no more.
        [[nodiscard]] Result<bool> advance(Vnode& directory) noexcept {
            do {
                is_full_ = false;
                TRY(directory.read_directory(cookie_, *this));
            } while (is_full_ && (view() == "." || view() == ".."));
            return is_full_;
        }
        void rewind() noexcept { cookie_ = 0; }
        [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), length_}; }

    private:
        std::array<char, max_name> bytes_{};
        std::size_t length_ = 0;
        std::uint64_t cookie_ = 0;
        bool is_full_ = false;
    };

    [[nodiscard]] Status wait(const Ref<Vnode>& from, const Ref<Vnode>& to) noexcept {
        waiting_.push_front(*TRY(mm::make<Pair>(heap_, from, to)));
        return {};
    }
    /// All that is in a directory; its own attributes at last, for names change its times.
    [[nodiscard]] Status copy_names(Vnode& from, Vnode& to) noexcept {
        name_.rewind();
        while (TRY(name_.advance(from))) {
            const Ref<Vnode> node = TRY(from.lookup(name_.view()));
            const Attributes its = TRY(node->attributes());
            NewNode what{.type = its.type, .permissions = its.permissions, .rdev = its.rdev};
            if (its.type == NodeType::symlink) {
                what.target = {target_.data(), TRY(node->read_link(target_))};
            }
            const Ref<Vnode> copy = TRY(to.create(name_.view(), what));
            if (its.type == NodeType::directory) {
                TRY(wait(node, copy));
                continue;
            }
            if (its.type == NodeType::regular) {
                TRY(copy_bytes(*node, *copy, its.size));
            }
            TRY(copy_attributes(its, *copy));
        }
        return copy_attributes(TRY(from.attributes()), to);
    }
    [[nodiscard]] Status copy_bytes(Vnode& from, Vnode& to, std::uint64_t size) noexcept {
        std::uint64_t at = 0;
        for (;;) {
            const Result<std::uint64_t> data = from.find_data(at);
            if (!data) {
                // no_device: only a hole follows.
                return data.error() == Errc::no_device ? to.set_attributes({.size = size})
                                                       : Status(fail(data.error()));
            }
            SpanReadBuffer read(std::span(bytes_).first(static_cast<std::size_t>(
                std::min<std::uint64_t>(bytes_.size(), TRY(from.find_hole(*data)) - *data))));
            const std::size_t count = TRY(from.read(*data, read));
            SpanWriteBuffer written(std::span(bytes_).first(count));
            if (count == 0 || TRY(to.write(*data, written)) != count) {
                return fail(count == 0 ? Errc::io_error : Errc::no_space);
            }
            at = *data + count;
        }
    }
    [[nodiscard]] static Status copy_attributes(const Attributes& its, Vnode& to) noexcept {
        return to.set_attributes({.permissions = its.permissions,
                                  .uid = its.uid,
                                  .gid = its.gid,
                                  .accessed = its.accessed,
                                  .modified = its.modified});
    }

    Heap& heap_;
    boost::intrusive::slist<Pair> waiting_;
    OneName name_;
    std::array<char, max_path> target_{};
    std::array<std::byte, 16 * 1024> bytes_{};
};

}  // namespace kidney::fs

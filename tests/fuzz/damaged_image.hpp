/// What the fuzzers of file systems have in common: an image is made once; each input damages some
/// bytes of it, the file system is mounted and used, and only what was touched is restored.
///
/// An input is a byte that says what is done, and edits of four bytes each: three of offset, one
/// new value; so the fuzzer need not find out what an image looks like. Nearly all of an image is
/// zeros that nobody reads, so three quarters of the edits go to sectors that are not.
#pragma once

#include "tests/crash/power_disk.hpp"
#include "tests/crash/steps.hpp"
#include "tests/crash/tree.hpp"
#include "tests/crash/workload.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kidney::fuzz {

/// `Subject`: as the crash machine has them; wanted are sectors(), make() and mounted(). With
/// free_frames() pages that are not given back show. `has_checker`: its checker is one that
/// strangers' images are given to as well. Concurrency: none.
template <class Subject, bool has_checker = false>
class DamagedImage {
public:
    /// Without the program that makes such an image there is none, and nothing is done.
    template <class... What>
    explicit DamagedImage(What... of_subject) : subject_(of_subject...), disk_(subject_.sectors()) {
        if (!subject_.make(disk_)) {
            return;
        }
        MUST(subject_.mounted(disk_, [](fs::FileSystem& system) -> Status {
            std::uint32_t version = 0;
            for (const crash::Operation& step : crash::beginning()) {
                TRY(run(system, step, version++));
            }
            for (const crash::Operation& step : further_steps) {
                ignore_error(run(system, step, version++), "not every one has links");
            }
            return system.sync();
        }));
        disk_.make_base();
        const auto bytes = disk_.bytes();
        for (std::uint32_t sector = 0; sector < subject_.sectors(); ++sector) {
            const auto its =
                bytes.subspan(std::size_t{sector} * crash::sector_size, crash::sector_size);
            if (std::ranges::any_of(its, [](std::byte b) { return b != std::byte{}; })) {
                used_.push_back(sector);
            }
        }
    }

    void run_once(std::span<const std::uint8_t> input) {
        if (used_.empty() || input.empty()) {
            return;
        }
        disk_.reset();
        for (std::size_t at = 1; at + 4 <= input.size(); at += 4) {
            damage(input.subspan(at, 4));
        }
        const std::size_t frames = free_frames();
        const Status status = subject_.mounted(disk_, [&](fs::FileSystem& system) -> Status {
            use(system, input[0]);
            return {};
        });
        ignore_error(status, "a damaged image may be refused");
        if constexpr (has_checker) {
            static_cast<void>(subject_.unsound(disk_));
        }
        KIDNEY_INVARIANT(free_frames() == frames, "pages were not given back");
    }

private:
    /// What makes an image that has a bit of everything: indirect blocks, holes, links.
    static constexpr std::array<crash::Operation, 6> further_steps{
        {{crash::Kind::append, "B/bar", {}, 9000},
         {crash::Kind::extend, "A/C/foo", {}, 14'000},
         {crash::Kind::append, "A/C/foo", {}, 1000},
         {crash::Kind::link, "A/foo", "B/foo", 0},
         {crash::Kind::symlink, "foo",
          "A/a/name/that/is/too/long/for/the/inode/of/a/symbolic/link/in/ext2", 0},
         {crash::Kind::symlink, "A/bar", "B/bar", 0}}};

    [[nodiscard]] std::size_t free_frames() const noexcept {
        if constexpr (requires { subject_.free_frames(); }) {
            return subject_.free_frames();
        } else {
            return 0;
        }
    }
    void damage(std::span<const std::uint8_t> edit) {
        const std::size_t offset =
            (edit[0] | edit[1] << 8U | static_cast<std::size_t>(edit[2] & 0x3FU) << 16U);
        std::uint32_t sector = static_cast<std::uint32_t>(offset / crash::sector_size);
        const bool anywhere = (edit[2] & 0xC0U) == 0xC0U;
        sector = anywhere ? sector % subject_.sectors() : used_[sector % used_.size()];
        std::array<std::byte, crash::sector_size> bytes{};
        MUST(disk_.read(fs::BlockIndex(sector), bytes));
        bytes[offset % crash::sector_size] = static_cast<std::byte>(edit[3]);
        MUST(disk_.write(fs::BlockIndex(sector), bytes));
    }
    /// Reads what there is, as far as it can be read: the beginning and the end of each file.
    void look_around(const Ref<fs::Vnode>& root, bool holds = false) {
        left_ = 64;
        holds_ = holds;
        visit(*root, 0);
    }
    void visit(fs::Vnode& node, unsigned depth) {
        const auto attributes = node.attributes();
        if (!attributes || left_ == 0) {
            return;
        }
        --left_;
        if (attributes->type == fs::NodeType::symlink) {
            std::array<char, fs::max_path> target{};
            ignore_error(node.read_link(target), "it may be damaged");
        } else if (attributes->type == fs::NodeType::directory) {
            visit_names(node, depth);
        } else {
            const std::uint64_t size = attributes->size, length = bytes_.size();
            for (const std::uint64_t at : {std::uint64_t{0}, size - std::min(size, length)}) {
                fs::SpanReadBuffer to(bytes_);
                ignore_error(node.read(at, to), "it may be damaged");
                if (size <= length) {
                    break;
                }
            }
        }
    }
    void visit_names(fs::Vnode& node, unsigned depth) {
        struct Sink final : fs::DirectorySink {
            explicit Sink(std::vector<std::string>& to) : names(to) {}
            bool accept(const fs::DirectoryEntry& entry) noexcept override {
                names.emplace_back(entry.name);
                return names.size() < 300;
            }
            std::vector<std::string>& names;
        };
        const std::size_t begin = names_.size();
        Sink sink(names_);
        ignore_error(node.read_directory(0, sink), "it may be damaged");
        for (std::size_t n = begin; n < names_.size() && depth < 8; ++n) {
            if (names_[n] != "." && names_[n] != "..") {
                if (const auto child = node.lookup(names_[n])) {
                    visit(**child, depth + 1);
                    if (holds_) {
                        held_.push_back(*child);
                    }
                }
            }
        }
        names_.resize(begin);
    }
    /// Does up to seven operations, each of which may fail and nothing else, and reads everything
    /// behind them. Half of the choices read everything before, too, and hold it open meanwhile:
    /// what is unlinked then stays until the end.
    void use(fs::FileSystem& system, unsigned choice) {
        const Ref<fs::Vnode> root = system.root();
        const crash::Workload& all = crash::all_operations();
        const unsigned count = choice % 8, first = choice / 8;
        if (count > 0) {
            if (first % 2 != 0) {
                look_around(root, true);
            }
            for (unsigned n = 0; n < count; ++n) {
                const crash::Operation& step = all[(first * 5 + n * 3) % all.size()];
                ignore_error(run(system, step, 1), "a damaged tree may refuse anything");
            }
            ignore_error(system.sync(), "it may not want to last");
        }
        look_around(root);
        held_.clear();
        static_cast<void>(system.status());
    }

    Subject subject_;
    crash::PowerDisk disk_;
    std::vector<std::byte> bytes_ = std::vector<std::byte>(16 * 1024);
    std::vector<std::string> names_;
    std::vector<Ref<fs::Vnode>> held_;
    bool holds_ = false;
    unsigned left_ = 0;                ///< nodes that are still looked at
    std::vector<std::uint32_t> used_;  ///< sectors that are not empty
};

}  // namespace kidney::fuzz

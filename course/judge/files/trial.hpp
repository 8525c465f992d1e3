/// What a law of the judge of file systems is checked with, and what it says when it is not kept.
#pragma once

#include "course/judge/files/disk_reader.hpp"
#include "course/judge/files/remote.hpp"
#include "fs/vsfs/check.hpp"
#include "fs/vsfs/make.hpp"
#include "tests/crash/power_disk.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::course::files {

/// A disk that is made for a law.
struct DiskShape {
    std::uint32_t blocks = 64, inodes = 32, log_blocks = 0, sector = 512;
};
[[nodiscard]] inline std::string text_of(const DiskShape& shape) {
    return "a disk of " + std::to_string(shape.blocks) + " blocks, " +
           std::to_string(shape.inodes) + " inodes, " +
           (shape.log_blocks == 0 ? std::string("no log")
                                  : "a log of " + std::to_string(shape.log_blocks) + " blocks") +
           (shape.sector == 512 ? "" : ", sectors of " + std::to_string(shape.sector) + " bytes");
}

/// The first thing that is wrong, and the calls before it.
class Trial {
public:
    static constexpr std::size_t last_calls = 14;

    void call(std::string text) {
        if (is_kept() && calls_.size() >= last_calls) {
            calls_.erase(calls_.begin());
        }
        if (is_kept()) {
            calls_.push_back(std::move(text));
        }
    }
    /// The last call was answered with this.
    void answered(const std::string& text) {
        if (is_kept() && !calls_.empty()) {
            calls_.back() += " -> " + text;
        }
    }
    bool expect(bool holds, std::string_view expected, std::string_view happened) {
        if (!holds && is_kept()) {
            verdict_ = "broken";
            expected_ = expected;
            happened_ = happened;
        }
        return holds;
    }
    template <class T>
    bool equal(std::string_view what, const T& got, const T& wanted) {
        return expect(got == wanted, std::string(what) + " is " + text(wanted),
                      std::string(what) + " is " + text(got));
    }
    /// A process that is lost decides, whatever else was seen.
    void lost(const Remote& remote) {
        if (!remote.lost().verdict.empty() && verdict_ != "endless" && verdict_ != "crashed") {
            verdict_ = remote.lost().verdict;
            happened_ = remote.lost().words;
            expected_ = "an answer";
        }
    }
    void story(std::string text) { story_ = std::move(text); }
    void note(std::string text) { note_ = std::move(text); }
    [[nodiscard]] bool is_kept() const noexcept { return verdict_ == "kept"; }

    [[nodiscard]] static std::string text(const std::string& value) { return value; }
    [[nodiscard]] static std::string text(bool value) { return value ? "true" : "false"; }
    template <class T>
        requires std::integral<T>
    [[nodiscard]] static std::string text(T value) {
        return std::to_string(value);
    }
    [[nodiscard]] static std::string text(const Status& status) {
        return status ? "success" : std::string(to_string(status.error()));
    }

    std::string verdict_ = "kept", expected_, happened_, story_, note_;
    std::vector<std::string> calls_;
};

/// An empty vsfs, and what can be said about it without its own program.
class TestDisk {
public:
    explicit TestDisk(const DiskShape& shape)
        : shape_(shape), disk_(shape.blocks * (fs::vsfs::block_size / sector)) {
        make_anew();
    }
    void make_anew() {
        fs::vsfs::Block scratch;
        if (!fs::vsfs::make(disk_, {.inodes = shape_.inodes, .log_blocks = shape_.log_blocks},
                            scratch)) {
            std::abort();
        }
    }
    [[nodiscard]] crash::PowerDisk& disk() noexcept { return disk_; }
    [[nodiscard]] const DiskShape& shape() const noexcept { return shape_; }
    [[nodiscard]] fs::vsfs::Geometry geometry() const noexcept {
        return {shape_.blocks, shape_.inodes, shape_.log_blocks};
    }
    [[nodiscard]] fs::vsfs::Block block(std::uint32_t number) {
        fs::vsfs::Block bytes;
        ignore_error(fs::vsfs::read_block(disk_, number, bytes), "it is ours");
        return bytes;
    }
    template <class T>
    void poke(std::uint32_t number, std::size_t offset, const T& value) {
        fs::vsfs::Block bytes = block(number);
        fs::vsfs::store(bytes, offset, value);
        ignore_error(fs::vsfs::write_block(disk_, number, bytes), "it is ours");
    }
    template <class T>
    [[nodiscard]] T peek(std::uint32_t number, std::size_t offset) {
        return fs::vsfs::load<T>(block(number), offset);
    }
    [[nodiscard]] fs::vsfs::Inode inode(std::uint32_t number) {
        return peek<fs::vsfs::Inode>(geometry().inode_table() + number / 32,
                                     number % 32 * sizeof(fs::vsfs::Inode));
    }
    void put(std::uint32_t number, const fs::vsfs::Inode& inode) {
        poke(geometry().inode_table() + number / 32, number % 32 * sizeof(fs::vsfs::Inode), inode);
    }
    [[nodiscard]] bool bit(std::uint32_t bitmap, std::uint32_t number) {
        return (peek<std::uint8_t>(bitmap, number / 8) >> (number % 8) & 1) != 0;
    }
    void set_bit(std::uint32_t bitmap, std::uint32_t number, bool value) {
        const auto old = peek<std::uint8_t>(bitmap, number / 8);
        const auto mask = static_cast<std::uint8_t>(1U << (number % 8));
        poke(bitmap, number / 8, static_cast<std::uint8_t>(value ? old | mask : old & ~mask));
    }
    /// What is in all blocks, to be compared.
    [[nodiscard]] std::vector<std::byte> picture() {
        const auto bytes = disk_.bytes();
        return {bytes.begin(), bytes.end()};
    }
    [[nodiscard]] std::string place(std::uint32_t block) const {
        const fs::vsfs::Geometry g = geometry();
        return block == 0                  ? "the superblock"
               : block < g.inode_bitmap()  ? (block == 1 ? "the log header" : "the log")
               : block == g.inode_bitmap() ? "the inode bitmap"
               : block == g.data_bitmap()  ? "the data bitmap"
               : block < g.data_start()    ? "the inode table (block " + std::to_string(block) + ")"
                                           : "data block " + std::to_string(block);
    }
    /// Where two pictures differ, but for these bytes; empty: nowhere.
    [[nodiscard]] std::string difference(const std::vector<std::byte>& before, std::size_t from = 0,
                                         std::size_t to = 0) {
        const auto now = disk_.bytes();
        for (std::size_t i = 0; i < now.size(); ++i) {
            if (now[i] != before[i] && (i < from || i >= to)) {
                return "byte " + std::to_string(i % fs::vsfs::block_size) + " of " +
                       place(static_cast<std::uint32_t>(i / fs::vsfs::block_size));
            }
        }
        return {};
    }
    /// What fsck says first; empty: sound.
    [[nodiscard]] std::string complaint() {
        static const auto checker = std::make_unique<fs::vsfs::Checker<crash::PowerDisk>>();
        std::string said;
        const Status checked = checker->check(disk_, [&](const fs::vsfs::Finding& finding) {
            if (said.empty()) {
                said = finding.what;
                said += finding.inode != 0 ? " (inode " + std::to_string(finding.inode) : " (";
                said += finding.block != 0 ? std::string(finding.inode != 0 ? ", " : "") +
                                                 "block " + std::to_string(finding.block) + ")"
                                           : ")";
            }
        });
        return checked || !said.empty() ? said : "the superblock is not one";
    }

private:
    DiskShape shape_;
    crash::PowerDisk disk_;
};

}  // namespace kidney::course::files

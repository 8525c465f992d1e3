/// The baseline of files: the same work with what C++ offers, maps for the names and pages of a
/// pool for the bytes. Nothing of it is durable.
#pragma once

#include "bench/workloads/file_store.hpp"
#include "kidney/core/address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::bench {

/// A workload on it is little more than memcpy, and a search in a std::map by the name.
class FilesByHand final : public FileStore {
public:
    [[nodiscard]] const char* name() const noexcept override { return "baseline_by_hand"; }
    [[nodiscard]] Status start() override {
        stop();
        return {};
    }
    void stop() noexcept override {
        directories_.clear();
        taken_ = 0;
    }
    [[nodiscard]] Status remount() override { return {}; }
    [[nodiscard]] Status sync() override { return {}; }
    [[nodiscard]] Status make_directory(std::string_view path) override {
        directories_[std::string(path)];
        return {};
    }
    [[nodiscard]] Result<FilePtr> create(std::string_view path) override {
        const auto [at, is_new] = in(path).emplace(leaf_of(path), Bytes());
        return is_new ? Result<FilePtr>(std::make_unique<File>(*this, at->second))
                      : fail(Errc::exists);
    }
    [[nodiscard]] Result<FilePtr> open(std::string_view path) override {
        Directory& directory = in(path);
        const auto at = directory.find(leaf_of(path));
        return at == directory.end() ? Result<FilePtr>(fail(Errc::not_found))
                                     : std::make_unique<File>(*this, at->second);
    }
    [[nodiscard]] Status look_up(std::string_view path) override {
        const Directory& directory = in(path);
        return directory.find(leaf_of(path)) != directory.end() ? Status() : fail(Errc::not_found);
    }
    [[nodiscard]] Status rename(std::string_view from, std::string_view to) override {
        Directory& old_parent = in(from);
        auto node = old_parent.extract(old_parent.find(leaf_of(from)));
        node.key() = leaf_of(to);
        in(to).insert(std::move(node));
        return {};
    }
    [[nodiscard]] Status unlink(std::string_view path) override {
        Directory& parent = in(path);
        parent.erase(parent.find(leaf_of(path)));
        return {};
    }
    [[nodiscard]] Result<std::size_t> list(std::string_view path) override {
        std::size_t count = 0;
        for (const auto& [entry, bytes] : directories_.find(path)->second) {
            count += entry.empty() ? 0 : 1;
        }
        return count;
    }
    [[nodiscard]] fakes::CountingDisk* disk() noexcept override { return nullptr; }

private:
    struct Bytes {
        std::vector<std::byte*> pages;
        std::uint64_t size = 0;
    };
    class File final : public OpenFile {
    public:
        File(FilesByHand& store, Bytes& bytes) : store_(store), bytes_(bytes) {}
        [[nodiscard]] Status read(std::uint64_t at, std::span<std::byte> to) override {
            each_page(bytes_, at, to.size(),
                      [&](std::byte* page, std::size_t done, std::size_t size) {
                          std::memcpy(to.data() + done, page, size);
                      });
            return {};
        }
        [[nodiscard]] Status write(std::uint64_t at, std::span<const std::byte> from) override {
            while (bytes_.pages.size() * page_size < at + from.size()) {
                bytes_.pages.push_back(store_.take());
            }
            bytes_.size = std::max(bytes_.size, at + from.size());
            each_page(bytes_, at, from.size(),
                      [&](std::byte* page, std::size_t done, std::size_t size) {
                          std::memcpy(page, from.data() + done, size);
                      });
            return {};
        }
        [[nodiscard]] Status append(std::span<const std::byte> from) override {
            return write(bytes_.size, from);
        }
        [[nodiscard]] Status sync() override { return {}; }

    private:
        FilesByHand& store_;
        Bytes& bytes_;
    };
    using Directory = std::map<std::string, Bytes, std::less<>>;

    [[nodiscard]] Directory& in(std::string_view path) {
        const auto at = directories_.find(parent_of(path));
        return at == directories_.end() ? directories_[std::string(parent_of(path))] : at->second;
    }
    [[nodiscard]] std::byte* take() {
        if (taken_ == pool_.size()) {
            pool_.push_back(std::make_unique<Page>());
        }
        return pool_[taken_++]->bytes.data();
    }
    template <class Use>
    static void each_page(const Bytes& file, std::uint64_t at, std::size_t size, Use&& use) {
        for (std::size_t done = 0; done < size;) {
            const auto within = static_cast<std::size_t>((at + done) % page_size);
            const std::size_t part = std::min(page_size - within, size - done);
            use(file.pages[static_cast<std::size_t>((at + done) / page_size)] + within, done, part);
            done += part;
        }
    }

    struct alignas(page_size) Page {
        std::array<std::byte, page_size> bytes;
    };
    std::map<std::string, Directory, std::less<>> directories_;
    std::vector<std::unique_ptr<Page>> pool_;
    std::size_t taken_ = 0;
};

}  // namespace kidney::bench

/// A tree of files in memory, as a server has it, with the errors of Linux.
#pragma once

#include "fs/p9/format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::fakes {

class FakeFileTree {
public:
    enum Error : std::uint32_t {
        no_entry = 2,
        io = 5,
        bad_fid = 9,
        denied = 13,
        exists = 17,
        not_directory = 20,
        is_directory = 21,
        invalid = 22,
        no_space = 28,
        not_empty = 39,
        not_supported = 95
    };
    struct File;
    using FileRef = std::shared_ptr<File>;
    struct Entry {
        FileRef file;
        std::uint64_t cookie;
    };
    struct File {
        std::uint64_t number = 0;
        std::uint32_t mode = 0, uid = 0, gid = 0, links = 1;
        std::uint64_t device = 0;
        std::string bytes;  ///< or the target of a link
        std::uint64_t accessed = 0, modified = 0, changed = 0;
        std::map<std::string, Entry, std::less<>> entries;
        std::uint64_t next_cookie = 3;
        [[nodiscard]] bool is_directory() const { return (mode & 0170000) == 0040000; }
    };

    FakeFileTree() : root_(std::make_shared<File>()) {
        root_->number = next_number_++;
        root_->mode = 0040755;
        root_->links = 2;
    }

    using Path = std::vector<std::string>;
    [[nodiscard]] static Path path_of(std::string_view text) {
        Path path;
        while (!text.empty()) {
            const std::size_t slash = std::min(text.find('/'), text.size());
            path.emplace_back(text.substr(0, slash));
            text.remove_prefix(std::min(slash + 1, text.size()));
        }
        return path;
    }
    [[nodiscard]] FileRef at(const Path& path) const {
        FileRef file = root_;
        for (const std::string& name : path) {
            const auto found = file->entries.find(name);
            if (found == file->entries.end()) {
                return nullptr;
            }
            file = found->second.file;
        }
        return file;
    }
    [[nodiscard]] FileRef at(std::string_view path) const { return at(path_of(path)); }
    FileRef put(std::string_view path, std::string bytes, std::uint32_t mode = 0100644) {
        const Path names = path_of(path);
        FileRef file = made(*parent_of(names), names.back(), mode, 0);
        file->bytes = std::move(bytes);
        return file;
    }
    void remove(std::string_view path) {
        const Path names = path_of(path);
        lose(*parent_of(names), names.back());
    }
    void move(std::string_view from, std::string_view to) {
        static_cast<void>(rename(path_of(from), path_of(to)));
    }
    std::uint32_t unlink(File& directory, const std::string& name, std::uint32_t flags) {
        const auto found = directory.entries.find(name);
        if (found == directory.entries.end()) {
            return no_entry;
        }
        const File& file = *found->second.file;
        if (file.is_directory() != (flags == fs::p9::unlink_directory)) {
            return file.is_directory() ? is_directory : not_directory;
        }
        if (!file.entries.empty()) {
            return not_empty;
        }
        lose(directory, name);
        return 0;
    }
    std::uint32_t rename(const Path& from, const Path& to) {
        const FileRef old_place = parent_of(from), new_place = parent_of(to);
        const FileRef file = at(from), there = at(to);
        if (file == nullptr || new_place == nullptr) {
            return no_entry;
        }
        if (is_within(to, from) && to != from) {
            return invalid;
        }
        if (there == file) {
            return 0;
        }
        if (there != nullptr) {
            if (there->is_directory() != file->is_directory()) {
                return there->is_directory() ? is_directory : not_directory;
            }
            if (!there->entries.empty()) {
                return not_empty;
            }
            lose(*new_place, to.back());
        }
        enter(*new_place, to.back(), file);
        old_place->entries.erase(from.back());
        old_place->links -= file->is_directory() ? 1 : 0;
        new_place->links += file->is_directory() ? 1 : 0;
        return 0;
    }
    [[nodiscard]] static bool is_within(const Path& path, const Path& above) {
        return path.size() >= above.size() && std::equal(above.begin(), above.end(), path.begin());
    }
    [[nodiscard]] static std::uint32_t error_of_new(const File& directory,
                                                    const std::string& name) {
        return !directory.is_directory()          ? not_directory
               : directory.entries.contains(name) ? std::uint32_t{exists}
                                                  : 0;
    }
    void enter(File& directory, const std::string& name, const FileRef& file) {
        directory.entries[name] = {file, directory.next_cookie++};
    }
    FileRef made(File& directory, const std::string& name, std::uint32_t mode, std::uint32_t gid) {
        auto file = std::make_shared<File>();
        std::erase_if(files_, [](const std::weak_ptr<File>& f) { return f.expired(); });
        files_.push_back(file);
        file->number = next_number_++;
        file->mode = mode;
        file->gid = gid;
        file->accessed = file->modified = file->changed = ++time_;
        file->links = file->is_directory() ? 2 : 1;
        directory.links += file->is_directory() ? 1 : 0;
        enter(directory, name, file);
        return file;
    }
    void lose(File& directory, const std::string& name) {
        const auto found = directory.entries.find(name);
        const FileRef file = found->second.file;
        directory.entries.erase(found);
        directory.links -= file->is_directory() ? 1 : 0;
        file->links = file->is_directory() ? 0 : file->links - 1;
    }
    /// Bytes of files that have names.
    [[nodiscard]] std::uint64_t used() const {
        std::uint64_t bytes = 0;
        for (const auto& known : files_) {
            const FileRef file = known.lock();
            bytes += file == nullptr || file->links == 0 ? 0 : file->bytes.size();
        }
        return bytes;
    }
    /// Files that somebody still has.
    [[nodiscard]] std::uint64_t count() const {
        return static_cast<std::uint64_t>(
            std::ranges::count_if(files_, [](const auto& f) { return !f.expired(); }));
    }
    /// A time that is later than every other.
    std::uint64_t tick() { return ++time_; }

private:
    [[nodiscard]] FileRef parent_of(Path path) const {
        path.pop_back();
        return at(path);
    }

    FileRef root_;
    std::vector<std::weak_ptr<File>> files_;
    std::uint64_t next_number_ = 100, time_ = 1'000'000;
};

}  // namespace kidney::fakes

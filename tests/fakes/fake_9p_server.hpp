/// A server of 9P2000.L with a tree in memory, and the channel to it.
///
/// As QEMU's: a fid is a path, which a rename that it makes itself keeps right, and an open fid is
/// also an open file. So a fid whose name goes means nothing any more, or another file.
#pragma once

#include "fs/p9/message.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/fs/message_channel.hpp"
#include "tests/fakes/call_counter.hpp"
#include "tests/fakes/fake_9p_replies.hpp"
#include "tests/fakes/fake_file_tree.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::fakes {

/// Fails at call n on demand: that message is answered by an error.
class Fake9pServer : public CallCounter {
public:
    using Message = fs::p9::Message;
    using File = FakeFileTree::File;
    using FileRef = FakeFileTree::FileRef;
    using Path = FakeFileTree::Path;
    using enum FakeFileTree::Error;
    // Knobs.
    std::size_t most_bytes = 16384;               ///< of a message
    std::uint64_t room = std::uint64_t{1} << 20;  ///< for the bytes of all files
    FakeFileTree tree;                            ///< anybody may change it
    std::size_t most_written = ~std::size_t{0};   ///< at once
    std::uint32_t failure = io;                   ///< what a failing call is answered
    bool is_dead = false;                         ///< answers nothing any more
    /// If set, may do anything to a reply.
    std::function<void(std::vector<std::byte>&)> mangle;
    // What it saw.
    std::uint64_t messages = 0;
    [[nodiscard]] std::size_t fids() const { return fids_.size(); }

    // The channel.
    [[nodiscard]] std::size_t max_message() const noexcept { return most_bytes; }
    [[nodiscard]] Result<std::size_t> exchange(std::span<const std::byte> request,
                                               std::span<std::byte> reply) noexcept {
        ++messages;
        if (is_dead) {
            return fail(Errc::timed_out);
        }
        std::vector<std::byte> answer = answered(request);
        if (mangle) {
            mangle(answer);
        }
        std::copy_n(answer.begin(), std::min(answer.size(), reply.size()), reply.begin());
        return answer.size() > reply.size() ? Result<std::size_t>(fail(Errc::io_error))
                                            : answer.size();
    }

private:
    struct Fid {
        Path path;
        FileRef opened{};
    };
    using Reply = fs::p9::Request;  // they are written alike

    [[nodiscard]] std::vector<std::byte> answered(std::span<const std::byte> request) {
        fs::p9::Reply in(request);
        const auto size = in.number<std::uint32_t>();
        const auto type = static_cast<Message>(in.number<std::uint8_t>());
        const auto tag = in.number<std::uint16_t>();
        KIDNEY_INVARIANT(size == request.size() && size <= most_bytes, "9P: bad size");
        std::vector<std::byte> answer(most_bytes);
        const auto reply_type = [](Message m) {
            return static_cast<Message>(static_cast<std::uint8_t>(m) + 1);
        };
        Reply out(answer, reply_type(type), tag);
        std::uint32_t error = next_fails() ? failure : 0;
        if (error == 0) {
            error = act(type, in, out);
            KIDNEY_INVARIANT(in.is_whole() && (in.is_empty() || error != 0), "9P: bad request");
        }
        if (error != 0) {
            Reply refusal(answer, reply_type(Message::error), tag);
            refusal.number(error);
            answer.resize(refusal.finish()->size());
        } else {
            answer.resize(out.finish()->size());
        }
        return answer;
    }
    [[nodiscard]] std::uint32_t act(Message type, fs::p9::Reply& in, Reply& out) {
        switch (type) {
            case Message::negotiate: {
                fids_.clear();
                most_bytes = std::min<std::size_t>(most_bytes, in.number<std::uint32_t>());
                const bool is_known = in.text() == fs::p9::version;
                out.number(static_cast<std::uint32_t>(most_bytes));
                out.text(is_known ? fs::p9::version : "unknown");
                return 0;
            }
            case Message::attach:
                return attach(in, out);
            case Message::walk:
                return walk(in, out);
            case Message::forget:
                return fids_.erase(in.number<std::uint32_t>()) == 1 ? 0 : bad_fid;
            case Message::open:
            case Message::create:
                return open(type == Message::create, in, out);
            case Message::read:
            case Message::read_directory:
            case Message::write:
                return transfer(type, in, out);
            case Message::get_attributes:
            case Message::set_attributes:
            case Message::status:
            case Message::sync:
            case Message::read_link:
                return tell(type, in, out);
            default:
                return change_names(type, in, out);
        }
    }
    std::uint32_t attach(fs::p9::Reply& in, Reply& out) {
        const auto fid = in.number<std::uint32_t>();
        static_cast<void>(in.bytes(12));  // who wants what: everybody gets everything
        fids_[fid] = {};
        put_qid(out, *tree.at(""));
        return 0;
    }
    std::uint32_t walk(fs::p9::Reply& in, Reply& out) {
        const auto from = in.number<std::uint32_t>();
        const auto to = in.number<std::uint32_t>();
        const auto count = in.number<std::uint16_t>();
        const std::string name(count == 0 ? "" : in.text());
        if (!fids_.contains(from) || fids_.contains(to)) {
            return bad_fid;
        }
        Path path = fids_[from].path;
        if (tree.at(path) == nullptr) {
            return no_entry;
        }
        if (name == "..") {
            path.resize(path.empty() ? 0 : path.size() - 1);
        } else if (count != 0) {
            path.push_back(name);
        }
        const FileRef file = tree.at(path);
        if (file == nullptr) {
            return no_entry;
        }
        fids_[to] = {path, nullptr};
        out.number(count);
        if (count != 0) {
            put_qid(out, *file);
        }
        return 0;
    }
    std::uint32_t open(bool creates, fs::p9::Reply& in, Reply& out) {
        const auto number = in.number<std::uint32_t>();
        const std::string name(creates ? in.text() : "");
        const auto flags = in.number<std::uint32_t>();
        const auto mode = creates ? in.number<std::uint32_t>() : 0;
        const auto gid = creates ? in.number<std::uint32_t>() : 0;
        const auto found = fids_.find(number);
        if (found == fids_.end() || found->second.opened != nullptr) {
            return bad_fid;
        }
        Fid& fid = found->second;
        FileRef file = tree.at(fid.path);
        if (file == nullptr) {
            return no_entry;
        }
        if (creates) {
            if (const std::uint32_t error = FakeFileTree::error_of_new(*file, name)) {
                return error;
            }
            file = tree.made(*file, name, 0100000 | mode, gid);
            fid.path.push_back(name);
        } else if (file->is_directory() != ((flags & fs::p9::open_directory) != 0)) {
            return file->is_directory() ? is_directory : not_directory;
        }
        fid.opened = file;
        put_qid(out, *file);
        out.number(std::uint32_t{0});
        return 0;
    }
    std::uint32_t transfer(Message type, fs::p9::Reply& in, Reply& out) {
        const auto found = fids_.find(in.number<std::uint32_t>());
        const auto offset = in.number<std::uint64_t>();
        const auto count = in.number<std::uint32_t>();
        const std::span<const std::byte> data =
            type == Message::write ? in.bytes(count) : std::span<const std::byte>();
        if (found == fids_.end() || found->second.opened == nullptr) {
            return bad_fid;
        }
        File& file = *found->second.opened;
        if (type == Message::read_directory) {
            const std::vector<std::byte> list = listing(found->second, offset, count);
            out.number(static_cast<std::uint32_t>(list.size())).bytes(list);
        } else if (type == Message::read) {
            const auto at = std::min<std::uint64_t>(offset, file.bytes.size());
            const auto rest = std::span(file.bytes).subspan(static_cast<std::size_t>(at));
            const std::size_t length = std::min<std::size_t>(rest.size(), count);
            out.number(static_cast<std::uint32_t>(length)).bytes(std::as_bytes(rest.first(length)));
        } else {
            const std::size_t length = std::min(data.size(), most_written);
            if (offset + length > file.bytes.size()) {
                if (tree.used() + offset + length - file.bytes.size() > room) {
                    return no_space;
                }
                file.bytes.resize(static_cast<std::size_t>(offset + length));
            }
            std::memcpy(file.bytes.data() + offset, data.data(), length);
            file.modified = file.changed = tree.tick();
            out.number(static_cast<std::uint32_t>(length));
        }
        return 0;
    }
    [[nodiscard]] std::vector<std::byte> listing(const Fid& fid, std::uint64_t after,
                                                 std::size_t most) const {
        struct Named {
            std::string name;
            FileRef file;
            std::uint64_t cookie;
        };
        Path above = fid.path;
        above.resize(above.empty() ? 0 : above.size() - 1);
        std::vector<Named> all{{".", fid.opened, 1}, {"..", tree.at(above), 2}};
        for (const auto& [name, entry] : fid.opened->entries) {
            all.push_back({name, entry.file, entry.cookie});
        }
        std::ranges::sort(all, {}, &Named::cookie);
        std::vector<std::byte> list;
        for (const Named& n : all) {
            const std::size_t size = 24 + n.name.size();
            if (n.cookie <= after) {
                continue;
            }
            if (n.file == nullptr || list.size() + size > most) {
                break;
            }
            std::vector<std::byte> raw(size + fs::p9::header_size);
            Reply entry(raw, Message::error, 0);
            put_qid(entry, *n.file);
            entry.number(n.cookie).number(static_cast<std::uint8_t>(n.file->mode >> 12 & 0xF));
            entry.text(n.name);
            list.insert(list.end(), raw.begin() + fs::p9::header_size, raw.end());
        }
        return list;
    }
    std::uint32_t tell(Message type, fs::p9::Reply& in, Reply& out) {
        const auto found = fids_.find(in.number<std::uint32_t>());
        if (found == fids_.end()) {
            return bad_fid;
        }
        if (type == Message::sync) {
            static_cast<void>(in.number<std::uint32_t>());
            return found->second.opened == nullptr ? bad_fid : 0;
        }
        const FileRef file = tree.at(found->second.path);
        if (file == nullptr) {
            return no_entry;
        }
        if (type == Message::read_link) {
            out.text(file->bytes);
            return (file->mode & 0170000) == 0120000 ? 0 : invalid;
        }
        if (type == Message::status) {
            const std::uint64_t blocks = room / 512;
            const std::uint64_t free = blocks - (tree.used() + 511) / 512;
            out.number(std::uint32_t{0x1234}).number(std::uint32_t{512}).number(blocks);
            out.number(free).number(free).number(std::uint64_t{1000});
            out.number(std::uint64_t{1000} - tree.count()).number(std::uint64_t{1});
            out.number(std::uint32_t{255});
            return 0;
        }
        if (type == Message::set_attributes) {
            return set(*file, in);
        }
        out.number(in.number<std::uint64_t>());
        put_attributes(out, *file);
        return 0;
    }
    std::uint32_t set(File& file, fs::p9::Reply& in) {
        const auto valid = in.number<std::uint32_t>();
        const auto mode = in.number<std::uint32_t>();
        const auto uid = in.number<std::uint32_t>();
        const auto gid = in.number<std::uint32_t>();
        const auto size = in.number<std::uint64_t>();
        std::uint64_t times[4];
        for (std::uint64_t& time : times) {
            time = in.number<std::uint64_t>();
        }
        if ((valid & fs::p9::set_size) != 0) {
            if (size > file.bytes.size() && tree.used() + size - file.bytes.size() > room) {
                return no_space;
            }
            file.bytes.resize(static_cast<std::size_t>(size));
            file.modified = tree.tick();
        }
        file.mode = (valid & fs::p9::set_mode) != 0 ? (file.mode & 0170000) | mode : file.mode;
        file.uid = (valid & fs::p9::set_uid) != 0 ? uid : file.uid;
        file.gid = (valid & fs::p9::set_gid) != 0 ? gid : file.gid;
        file.accessed = (valid & fs::p9::set_accessed) != 0 ? times[0] : file.accessed;
        file.modified =
            (valid & fs::p9::set_modified) == fs::p9::set_modified ? times[2] : file.modified;
        file.changed = tree.tick();
        return 0;
    }
    std::uint32_t change_names(Message type, fs::p9::Reply& in, Reply& out) {
        const auto first = in.number<std::uint32_t>();
        const auto second = type == Message::link ? in.number<std::uint32_t>() : first;
        const std::string name(in.text());
        if (!fids_.contains(first) || !fids_.contains(second)) {
            return bad_fid;
        }
        const FileRef directory = tree.at(fids_[first].path);
        const FileRef file = tree.at(fids_[second].path);
        if (directory == nullptr || file == nullptr) {
            return no_entry;
        }
        switch (type) {
            case Message::link:
                if (const std::uint32_t error = FakeFileTree::error_of_new(*directory, name)) {
                    return error;
                }
                ++file->links;
                tree.enter(*directory, name, file);
                return 0;
            case Message::unlink:
                return tree.unlink(*directory, name, in.number<std::uint32_t>());
            case Message::rename:
                return rename(fids_[first].path, name, in);
            default:
                return make(type, *directory, name, in, out);
        }
    }
    std::uint32_t make(Message type, File& directory, const std::string& name, fs::p9::Reply& in,
                       Reply& out) {
        const std::string target(type == Message::symlink ? in.text() : "");
        std::uint32_t mode = type == Message::symlink ? 0120777 : in.number<std::uint32_t>();
        std::uint64_t device = 0;
        if (type == Message::make_directory) {
            mode |= 0040000;
        } else if (type == Message::make_node) {
            device = std::uint64_t{in.number<std::uint32_t>()} << 8;
            device |= in.number<std::uint32_t>();
        } else if (type != Message::symlink) {
            return not_supported;
        }
        const auto gid = in.number<std::uint32_t>();
        if (const std::uint32_t error = FakeFileTree::error_of_new(directory, name)) {
            return error;
        }
        const FileRef file = tree.made(directory, name, mode, gid);
        file->bytes = target;
        file->device = device;
        put_qid(out, *file);
        return 0;
    }
    /// A fid is right after a rename that was asked for here.
    std::uint32_t rename(const Path& from, const std::string& name, fs::p9::Reply& in) {
        const auto to = fids_.find(in.number<std::uint32_t>());
        const std::string new_name(in.text());
        if (to == fids_.end()) {
            return bad_fid;
        }
        Path old_path = from, new_path = to->second.path;
        old_path.push_back(name);
        new_path.push_back(new_name);
        if (const std::uint32_t error = tree.rename(old_path, new_path)) {
            return error;
        }
        for (auto& [number, fid] : fids_) {
            if (FakeFileTree::is_within(fid.path, old_path)) {
                Path moved = new_path;
                moved.insert(moved.end(),
                             fid.path.begin() + static_cast<std::ptrdiff_t>(old_path.size()),
                             fid.path.end());
                fid.path = moved;
            }
        }
        return 0;
    }

    std::map<std::uint32_t, Fid> fids_;
};

static_assert(fs::MessageChannel<Fake9pServer>);

}  // namespace kidney::fakes

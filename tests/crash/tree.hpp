/// What a file system should hold (`Model`), and what it holds (`walk`), as something that can be
/// compared in no time: a fingerprint, which does not depend on the order of names.
#pragma once

#include "kidney/fs/file_system.hpp"
#include "kidney/fs/vnode.hpp"
#include "tests/crash/workload.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace kidney::crash {

using Fingerprint = std::uint64_t;

[[nodiscard]] inline std::uint64_t mix(std::uint64_t state, std::uint64_t word) noexcept {
    state = (state ^ word) * 0x9E37'79B9'7F4A'7C15U;
    return state ^ (state >> 29);
}
[[nodiscard]] inline std::uint64_t mix_bytes(std::uint64_t state,
                                             std::span<const std::byte> bytes) noexcept {
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        state = mix(state, word);
    }
    std::uint64_t rest = bytes.size();
    for (; at < bytes.size(); ++at) {
        rest = rest << 8 | std::to_integer<std::uint64_t>(bytes[at]);
    }
    return mix(state, rest);
}
[[nodiscard]] inline std::uint64_t mix_text(std::uint64_t state, std::string_view text) noexcept {
    return mix_bytes(state, std::as_bytes(std::span(text)));
}

/// Of one object: everything about it but times and numbers.
struct Object {
    fs::NodeType type = fs::NodeType::regular;
    std::uint32_t permissions = 0, links = 0;
    std::string_view bytes;  ///< of a file; the target of a link

    [[nodiscard]] Fingerprint fingerprint(std::uint64_t path) const noexcept {
        const std::uint64_t head =
            static_cast<std::uint64_t>(type) << 32 | permissions << 16 | links;
        return mix_text(mix(path, head), bytes);
    }
    [[nodiscard]] std::string text() const {
        constexpr std::string_view names[] = {"file", "directory", "link"};
        std::string said(names[static_cast<std::size_t>(type) % 3]);
        if (type == fs::NodeType::symlink) {
            said += " to " + std::string(bytes);
        } else if (type == fs::NodeType::regular) {
            said += " of " + std::to_string(bytes.size()) + " bytes";
            said += " [" + std::to_string(mix_text(0, bytes) % 10'000) + "]";
        }
        return said + ", " + std::to_string(links) + (links == 1 ? " name" : " names") +
               (permissions == 0644 || permissions == 0755 || type == fs::NodeType::symlink
                    ? ""
                    : ", other permissions");
    }
};
/// A tree for people: path -> what is there.
using Listing = std::map<std::string, std::string>;

/// The bytes that a workload writes: no two writes are the same.
[[nodiscard]] inline char byte_at(std::size_t position, std::uint32_t version) noexcept {
    return static_cast<char>(position * 7 + version * 29 + position / 253 + 1);
}
inline constexpr std::size_t overwrite_at = 1;

/// What a right file system does. Slow and obvious.
class Model {
public:
    struct Node {
        fs::NodeType type = fs::NodeType::regular;
        std::uint32_t permissions = 0644;
        std::string bytes{};
        std::uint32_t id = 0;  ///< no other node of the model has or had it
    };

private:
    using NodeRef = std::shared_ptr<Node>;

public:
    Model() { enter_root(); }
    /// A tree of its own, in which two names of one file are so again.
    Model(const Model& other) : last_id_(other.last_id_) {
        std::map<const Node*, NodeRef> copies;
        for (const auto& [path, node] : other.tree_) {
            NodeRef& copy = copies[node.get()];
            copy = copy ? copy : std::make_shared<Node>(*node);
            tree_[path] = copy;
        }
    }
    Model& operator=(const Model&) = delete;

    /// Whether that is possible.
    bool run(const Operation& step, std::uint32_t version) {
        const std::string path(step.path), second(step.second);
        switch (step.kind) {
            case Kind::sync:
                return true;
            case Kind::create:
                return enter(path, std::make_shared<Node>(Node{}));
            case Kind::mkdir:
                return enter(path, directory());
            case Kind::symlink:
                return enter(path,
                             std::make_shared<Node>(Node{fs::NodeType::symlink, 0777, second}));
            case Kind::link:
                return is(path, fs::NodeType::regular) && enter(second, tree_[path]);
            case Kind::unlink:
                return tree_.contains(path) && !is(path, fs::NodeType::directory) &&
                       tree_.erase(path) == 1;
            case Kind::rmdir:
                return is(path, fs::NodeType::directory) && is_empty(path) &&
                       tree_.erase(path) == 1;
            case Kind::rename:
                return rename(path, second);
            case Kind::chmod:
                if (tree_.contains(path)) {
                    tree_[path]->permissions = step.number;
                }
                return tree_.contains(path);
            default:
                return is(path, fs::NodeType::regular) && write(*tree_[path], step, version);
        }
    }
    [[nodiscard]] Fingerprint fingerprint() const {
        Fingerprint sum = 0;
        for (const auto& [path, node] : tree_) {
            sum += object(path, *node).fingerprint(hash_of(path));
        }
        return sum;
    }
    /// Every name ("" is the root) and its node.
    template <class Use>
    void for_each(Use&& use) const {
        for (const auto& [path, node] : tree_) {
            use(path, *node);
        }
    }
    [[nodiscard]] Listing listing() const {
        Listing all;
        for (const auto& [path, node] : tree_) {
            all["/" + path] = object(path, *node).text();
        }
        return all;
    }

private:
    [[nodiscard]] static NodeRef directory() {
        return std::make_shared<Node>(Node{fs::NodeType::directory, 0755});
    }
    [[nodiscard]] static std::string parent_of(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        return slash == std::string::npos ? "" : path.substr(0, slash);
    }
    [[nodiscard]] static std::uint64_t hash_of(std::string_view path) {
        std::uint64_t state = 1;
        while (!path.empty()) {
            const std::size_t slash = std::min(path.find('/'), path.size());
            state = mix_text(state, path.substr(0, slash));
            path.remove_prefix(std::min(slash + 1, path.size()));
        }
        return state;
    }
    [[nodiscard]] bool is(const std::string& path, fs::NodeType type) const {
        const auto at = tree_.find(path);
        return at != tree_.end() && at->second->type == type;
    }
    [[nodiscard]] bool is_empty(const std::string& path) const {
        const auto next = tree_.lower_bound(path + "/");
        return next == tree_.end() || !next->first.starts_with(path + "/");
    }
    [[nodiscard]] Object object(const std::string& path, const Node& node) const {
        std::uint32_t links = node.type == fs::NodeType::directory ? 2 : 0;
        for (const auto& [other, there] : tree_) {
            if (node.type == fs::NodeType::directory) {
                links += !other.empty() && parent_of(other) == path &&
                                 there->type == fs::NodeType::directory
                             ? 1U
                             : 0U;
            } else {
                links += there.get() == &node ? 1U : 0U;
            }
        }
        return {node.type, node.permissions, links, node.bytes};
    }
    void enter_root() {
        tree_[""] = directory();
        tree_[""]->id = ++last_id_;
    }
    bool enter(const std::string& path, const NodeRef& node) {
        if (node->id == 0) {
            node->id = ++last_id_;
        }
        return !tree_.contains(path) && is(parent_of(path), fs::NodeType::directory) &&
               tree_.emplace(path, node).second;
    }
    bool rename(const std::string& from, const std::string& to) {
        if (!tree_.contains(from) || !is(parent_of(to), fs::NodeType::directory) ||
            to.starts_with(from + "/")) {
            return false;
        }
        const NodeRef node = tree_[from];
        const bool is_directory = node->type == fs::NodeType::directory;
        if (const auto there = tree_.find(to); there != tree_.end()) {
            if (there->second == node || is_directory != is(to, fs::NodeType::directory) ||
                (is_directory && !is_empty(to))) {
                return false;  // the VFS sees to it that such a rename is never asked for
            }
            tree_.erase(there);
        }
        std::map<std::string, NodeRef> moved;
        for (auto at = tree_.begin(); at != tree_.end();) {
            if (at->first == from || at->first.starts_with(from + "/")) {
                moved[to + at->first.substr(from.size())] = at->second;
                at = tree_.erase(at);
            } else {
                ++at;
            }
        }
        tree_.merge(moved);
        return true;
    }
    static bool write(Node& node, const Operation& step, std::uint32_t version) {
        std::size_t begin = 0, end = 0;
        switch (step.kind) {
            case Kind::append:
                begin = node.bytes.size();
                end = begin + step.number;
                break;
            case Kind::overwrite:
                begin = overwrite_at;
                end = begin + step.number;
                break;
            default:  // truncate, extend
                node.bytes.resize(step.number);
                break;
        }
        node.bytes.resize(std::max(node.bytes.size(), end));
        for (std::size_t at = begin; at < end; ++at) {
            node.bytes[at] = byte_at(at, version);
        }
        return true;
    }

    std::map<std::string, NodeRef> tree_;
    std::uint32_t last_id_ = 0;
};

/// Hears of everything that a walk finds.
class Watcher {
public:
    /// "/" is the root. The bytes are good during the call.
    virtual void found(const std::string& path, const Object& object, std::uint64_t inode) = 0;

protected:
    ~Watcher() = default;
};
class ListingOf final : public Watcher {
public:
    explicit ListingOf(Listing& to) noexcept : to_(to) {}
    void found(const std::string& path, const Object& object, std::uint64_t) override {
        to_[path] = object.text();
    }

private:
    Listing& to_;
};

/// Reads a whole file system. Bounded: a damaged one may have circles.
class Walk {
public:
    explicit Walk(Watcher* watcher = nullptr) : watcher_(watcher), bytes_(most_bytes) {}

    /// Errors: those of the file system; corrupted (it has no end).
    [[nodiscard]] Result<Fingerprint> run(fs::Vnode& root) {
        sum_ = 0;
        left_ = 64;
        TRY(visit(root, 1, ""));
        return sum_;
    }

private:
    static constexpr std::size_t most_bytes = 128 * 1024;
    struct Names final : fs::DirectorySink {
        bool accept(const fs::DirectoryEntry& entry) noexcept override {
            if (entry.name == "." || entry.name == ".." || count == texts.size() ||
                entry.name.size() > texts[0].size()) {
                return count < texts.size();
            }
            std::memcpy(texts[count].data(), entry.name.data(), entry.name.size());
            lengths[count++] = static_cast<std::uint8_t>(entry.name.size());
            return true;
        }
        std::array<std::array<char, 60>, 16> texts;
        std::array<std::uint8_t, 16> lengths;
        std::size_t count = 0;
    };

    [[nodiscard]] Status visit(fs::Vnode& node, std::uint64_t path, const std::string& text) {
        if (left_-- == 0) {
            return fail(Errc::corrupted);
        }
        const fs::Attributes a = TRY(node.attributes());
        Object object{a.type, a.permissions.bits(), a.links, {}};
        if (a.type == fs::NodeType::regular) {
            fs::SpanReadBuffer to(std::as_writable_bytes(std::span(bytes_)));
            const std::size_t count = TRY(node.read(0, to));
            object.bytes = {bytes_.data(), count};
            if (count != a.size) {
                return fail(Errc::corrupted);
            }
        } else if (a.type == fs::NodeType::symlink) {
            object.bytes = {bytes_.data(), TRY(node.read_link(bytes_))};
        }
        sum_ += object.fingerprint(path);
        if (watcher_ != nullptr) {
            watcher_->found(text.empty() ? "/" : text, object, a.inode);
        }
        return a.type == fs::NodeType::directory ? visit_names(node, path, text) : Status();
    }
    [[nodiscard]] Status visit_names(fs::Vnode& node, std::uint64_t path, const std::string& text) {
        Names names;
        TRY(node.read_directory(0, names));
        for (std::size_t i = 0; i < names.count; ++i) {
            const std::string_view name(names.texts[i].data(), names.lengths[i]);
            const Ref<fs::Vnode> child = TRY(node.lookup(name));
            TRY(visit(*child, mix_text(path, name),
                      watcher_ == nullptr ? text : text + "/" + std::string(name)));
        }
        return {};
    }

    Watcher* watcher_;
    std::vector<char> bytes_;
    Fingerprint sum_ = 0;
    std::uint32_t left_ = 0;
};

}  // namespace kidney::crash

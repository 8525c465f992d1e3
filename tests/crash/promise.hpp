/// What a file system promises of its tree after a loss of power, and whether it has kept that.
#pragma once

#include "kidney/fs/file_system.hpp"
#include "tests/crash/tree.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::crash {

/// Every operation is done or not done: the tree is one that the workload went through.
class WholeTrees {
public:
    void forget() { trees_.clear(); }
    /// After one more step.
    void add(const Model& model) { trees_.push_back(model.fingerprint()); }
    [[nodiscard]] std::size_t size() const noexcept { return trees_.size(); }

    /// Reads the tree. Errors: those of the file system.
    [[nodiscard]] Status look(fs::FileSystem& system) {
        found_ = TRY(walk_.run(*system.root()));
        return {};
    }
    /// What is wrong with it if it should be one of those after step `low` to `high`; empty:
    /// nothing.
    [[nodiscard]] std::string_view broken(std::uint32_t low, std::uint32_t high) const {
        const auto begin = trees_.begin() + low, end = trees_.begin() + high + 1;
        return std::find(begin, end, found_) == end ? "it is none of those" : std::string_view();
    }

private:
    std::vector<Fingerprint> trees_;  ///< after 0, 1, ... steps
    Walk walk_;
    Fingerprint found_ = 0;
};

/// Without a journal: what was synced is there and whole, and of what came after it each name and
/// each byte of a file is old or new; what was cut off in between may be zeros. What was renamed
/// has its old name, its new one or both. Files share nothing, hold no bytes that were never
/// theirs, and have at least as many links as names.
class OrderedTrees : Watcher {
public:
    /// `plain`: the file system keeps neither permissions nor links; a directory between two names
    /// is two, of which each shows its files. `not_ours`: a path that is not looked at, with all
    /// below it.
    /// `block`: files may end with zeros up to the end of such a block, because e2fsck gives a
    /// file whose last blocks came before its size all of them; 0: they may not.
    explicit OrderedTrees(bool plain = false, std::string_view not_ours = {}, std::size_t block = 0)
        : plain_(plain), not_ours_(not_ours), block_(block) {}
    OrderedTrees(const OrderedTrees&) = delete;  // its walk knows where it is
    OrderedTrees& operator=(const OrderedTrees&) = delete;
    void forget() { trees_.clear(); }
    void add(const Model& model) {
        Tree& tree = trees_.emplace_back();
        std::map<std::string, std::uint32_t> ids;  // parents come before what is in them
        model.for_each([&](const std::string& path, const Model::Node& node) {
            ids[path] = node.id;
            const std::size_t slash = path.rfind('/');
            const bool is_at_top = slash == std::string::npos;
            tree[{path.empty() ? 0 : ids[is_at_top ? "" : path.substr(0, slash)],
                  is_at_top ? path : path.substr(slash + 1)}] = node;
        });
    }
    [[nodiscard]] std::size_t size() const noexcept { return trees_.size(); }

    [[nodiscard]] Status look(fs::FileSystem& system) {
        found_.clear();
        inodes_.clear();
        TRY(walk_.run(*system.root()));
        return {};
    }
    [[nodiscard]] std::string_view broken(std::uint32_t low, std::uint32_t high) {
        reached_.clear();
        reached_names_.clear();
        std::map<std::string, Ids> who;  // what is at a path may be one of these
        std::map<std::uint64_t, std::set<std::pair<std::uint64_t, std::string>>> names;
        for (const Found& found : found_) {
            const std::size_t slash = found.path.rfind('/');
            const std::string above = found.path.substr(0, std::max<std::size_t>(slash, 1));
            const std::string name = found.path.substr(slash + 1);
            const Ids parents = name.empty() ? Ids{0} : who[above];
            const Ids could_be = named(parents, name, low, high);
            if (could_be.empty()) {
                return "there is a name that nobody gave";
            }
            for (const std::uint32_t id : could_be) {
                if (is_a_state_of(found, id, low, high)) {
                    who[found.path].insert(id);
                    reached_.insert(id);
                }
            }
            if (who[found.path].empty()) {
                return "there is a file that never was like this";
            }
            if (found.type != fs::NodeType::directory && !plain_) {
                // A directory that has two names shows each of its files twice.
                auto& its = names[found.inode];
                its.emplace(inodes_.at(above), name);
                if (its.size() > found.links) {
                    return "a file has more names than links";
                }
            }
        }
        return all_that_must_be(low, high) ? std::string_view()
                                           : "something that was synced is gone";
    }

private:
    using Name = std::pair<std::uint32_t, std::string>;  ///< in which directory (0: none, the root)
    using Tree = std::map<Name, Model::Node>;
    using Ids = std::set<std::uint32_t>;
    struct Found {
        std::string path;
        fs::NodeType type;
        std::uint32_t permissions, links;
        std::string bytes;
        std::uint64_t inode;
    };

    void found(const std::string& path, const Object& object, std::uint64_t inode) override {
        if (!not_ours_.empty() && path.starts_with(not_ours_)) {
            return;
        }
        found_.push_back({path, object.type, object.permissions, object.links,
                          std::string(object.bytes), inode});
        inodes_[path] = inode;
    }
    /// Calls use(node) for each state of a node in these trees.
    template <class Use>
    void for_each_state(std::uint32_t id, std::uint32_t low, std::uint32_t high, Use&& use) const {
        for (std::uint32_t n = low; n <= high; ++n) {
            for (const auto& [name, node] : trees_[n]) {
                if (node.id == id) {
                    use(node);
                    break;
                }
            }
        }
    }
    /// Its kind, its permissions, its length and each of its bytes are from some state.
    [[nodiscard]] bool is_a_state_of(const Found& found, std::uint32_t id, std::uint32_t low,
                                     std::uint32_t high) const {
        bool kind = false, permissions = plain_, length = false;
        std::vector<const std::string*> versions;
        for_each_state(id, low, high, [&](const Model::Node& node) {
            kind = kind || node.type == found.type;
            permissions = permissions || node.permissions == found.permissions;
            const std::size_t size = node.bytes.size();
            length = length || size == found.bytes.size() ||
                     (block_ != 0 && (size + block_ - 1) / block_ * block_ == found.bytes.size());
            versions.push_back(&node.bytes);
        });
        if (!kind || !permissions || (found.type == fs::NodeType::directory)) {
            return kind && permissions;
        }
        for (std::size_t at = 0; length && at < found.bytes.size(); ++at) {
            length = std::ranges::any_of(versions, [&](const std::string* bytes) {
                return at < bytes->size() ? (*bytes)[at] == found.bytes[at] : found.bytes[at] == 0;
            });
        }
        return length;
    }
    /// What a name in one of these directories has led to in some of these trees.
    [[nodiscard]] Ids named(const Ids& parents, const std::string& name, std::uint32_t low,
                            std::uint32_t high) {
        Ids ids;
        for (const std::uint32_t parent : parents) {
            reached_names_.emplace(parent, name);
            for (std::uint32_t n = low; n <= high; ++n) {
                if (const auto at = trees_[n].find({parent, name}); at != trees_[n].end()) {
                    ids.insert(at->second.id);
                }
            }
        }
        return ids;
    }
    /// What is in all of these trees, under whatever name; and every name that is.
    [[nodiscard]] bool all_that_must_be(std::uint32_t low, std::uint32_t high) const {
        for (const auto& [name, node] : trees_[low]) {
            bool is_always = true, name_stays = true;
            for (std::uint32_t n = low; n <= high; ++n) {
                name_stays = name_stays && trees_[n].contains(name);
                is_always = is_always && std::ranges::any_of(trees_[n], [&](const auto& entry) {
                                return entry.second.id == node.id;
                            });
            }
            if ((is_always && !reached_.contains(node.id)) ||
                (name_stays && !reached_names_.contains(name))) {
                return false;
            }
        }
        return true;
    }

    const bool plain_;
    const std::string_view not_ours_;
    const std::size_t block_;
    std::vector<Tree> trees_;
    std::vector<Found> found_;
    Ids reached_;
    std::set<Name> reached_names_;
    std::map<std::string, std::uint64_t> inodes_;  ///< of paths
    Walk walk_{this};
};

/// The same of a plain file system.
class PlainTrees final : public OrderedTrees {
public:
    PlainTrees() : OrderedTrees(true) {}
};

}  // namespace kidney::crash

/// Long programs for a guest whose machine dies under them (tests/crash/power_cut.cpp): steps by
/// chance over a tree that stays small, with a sync after every few of them.
#pragma once

#include "kidney/fs/vnode.hpp"
#include "tests/crash/tree.hpp"
#include "tests/crash/workload.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::crash {

/// The steps of one seed, in an empty file system; the same on every machine. Each is possible when
/// it is its turn. No write over old bytes is larger than what kfs does as a whole, and no other
/// one, either.
class Plan {
public:
    /// `plain`: only files and directories, without links and permissions.
    Plan(std::uint32_t seed, std::size_t count, bool plain) : random_(seed), plain_(plain) {
        while (steps_.size() < count) {
            for (std::uint32_t left = 1 + random_.below(24); left > 0; left -= add_one() ? 1 : 0) {
            }
            steps_.push_back({});
        }
    }
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    [[nodiscard]] const Workload& steps() const noexcept { return steps_; }

private:
    static constexpr std::uint32_t most_objects = 50;  // a walk bears 64
    static constexpr std::uint32_t most_directories = 10;
    static constexpr std::uint32_t most_bytes = 120'000;   // and 128 KiB
    static constexpr std::uint32_t most_at_once = 65'536;  // what kfs promises of an append
    static constexpr std::uint32_t most_over_old = 3000;   // and of a write over something
    static constexpr std::array<std::string_view, 7> file_names{"f",    "g",     "h",    "i",
                                                                "jjjj", "a.txt", "b.txt"};
    static constexpr std::array<std::string_view, 3> directory_names{"C", "D", "a_longer_name"};
    using Places = std::vector<std::pair<std::string, std::uint32_t>>;  ///< paths and sizes

    /// Some step, if it is possible.
    bool add_one() {
        look();
        // How often each comes.
        static constexpr std::array<std::pair<Kind, std::uint32_t>, 12> kinds{
            {{Kind::create, 16},
             {Kind::append, 26},
             {Kind::overwrite, 12},
             {Kind::truncate, 6},
             {Kind::extend, 3},
             {Kind::unlink, 9},
             {Kind::rename, 12},
             {Kind::mkdir, 4},
             {Kind::rmdir, 2},
             {Kind::link, 4},
             {Kind::symlink, 2},
             {Kind::chmod, 4}}};
        std::uint32_t left = random_.below(plain_ ? 90 : 100);
        for (const auto& [kind, often] : kinds) {
            if (left < often) {
                return add(kind);
            }
            left -= often;
        }
        return false;
    }
    bool add(Kind kind) {
        switch (kind) {
            case Kind::create:
            case Kind::symlink:
                return objects_ < most_objects &&
                       tell({kind, name(file_names), kind == Kind::symlink ? name(file_names) : "",
                             0});
            case Kind::mkdir:
                return directories_.size() < most_directories &&
                       tell({kind, name(directory_names), {}, 0});
            case Kind::rmdir: {
                const std::string_view path = one_of(directories_).first;
                return !path.empty() && tell({kind, path, {}, 0});
            }
            case Kind::link:
                return !files_.empty() && objects_ < most_objects &&
                       tell({kind, one_of(files_).first, name(file_names), 0});
            case Kind::unlink:
                return !leaves_.empty() && tell({kind, one_of(leaves_).first, {}, 0});
            case Kind::rename: {
                const bool is_directory = leaves_.empty() || random_.below(5) == 0;
                const std::string_view path = one_of(is_directory ? directories_ : leaves_).first;
                return !path.empty() &&
                       tell({kind, path, is_directory ? name(directory_names) : name(file_names),
                             0});
            }
            case Kind::chmod:
                return !files_.empty() &&
                       tell(
                           {kind, one_of(files_).first, {}, random_.below(2) == 0 ? 0600U : 0644U});
            default:
                return !files_.empty() && change(kind);
        }
    }
    bool change(Kind kind) {
        const auto [path, size] = one_of(files_);
        const std::uint32_t scale = random_.below(8);
        const std::uint32_t length = 1 + random_.below(scale == 0  ? most_at_once
                                                       : scale < 4 ? 9000
                                                                   : 700);
        switch (kind) {
            case Kind::append:
                return size + length <= most_bytes && tell({kind, path, {}, length});
            case Kind::overwrite:
                return size > 0 && tell({kind, path, {}, std::min(length, most_over_old)});
            case Kind::truncate:
                return size > 0 && tell({kind, path, {}, random_.below(size)});
            default:
                return size + length <= most_bytes && tell({kind, path, {}, size + length});
        }
    }
    bool tell(const Operation& step) {
        if (!model_.run(step, static_cast<std::uint32_t>(steps_.size()))) {
            return false;
        }
        steps_.push_back(step);
        return true;
    }

    /// What there is now.
    void look() {
        files_.clear();
        leaves_.clear();
        directories_.clear();
        objects_ = 0;
        model_.for_each([&](const std::string& path, const Model::Node& node) {
            ++objects_;
            if (node.type == fs::NodeType::directory) {
                directories_.emplace_back(path, 0);
                return;
            }
            const auto size = static_cast<std::uint32_t>(node.bytes.size());
            leaves_.emplace_back(path, size);
            if (node.type == fs::NodeType::regular) {
                files_.emplace_back(path, size);
            }
        });
    }
    [[nodiscard]] std::pair<std::string_view, std::uint32_t> one_of(const Places& places) {
        const auto& [path, size] = places[random_.below(static_cast<std::uint32_t>(places.size()))];
        return {keep(path), size};
    }
    /// In some directory.
    template <std::size_t n>
    [[nodiscard]] std::string_view name(const std::array<std::string_view, n>& names) {
        const std::string above(one_of(directories_).first);
        const std::string_view last = names[random_.below(n)];
        return keep(above.empty() ? std::string(last) : above + "/" + std::string(last));
    }
    [[nodiscard]] std::string_view keep(const std::string& text) {
        return *texts_.insert(text).first;
    }

    laws::Random random_;
    const bool plain_;
    Model model_;
    Places files_, leaves_, directories_;  ///< leaves: all that is no directory
    std::uint32_t objects_ = 0;
    std::set<std::string> texts_;  ///< where the paths of the steps are
    Workload steps_;
};

}  // namespace kidney::crash

/// What `./kidney crash --qemu` needs on this machine: the program of a guest that will lose its
/// power while it writes, and the judge of what that left on its disk.
///
///     power_cut make FORMAT IMAGE                       a file system in a file of zeros
///     power_cut plan FORMAT SEED STEPS                  the program, a step a line
///     power_cut judge FORMAT SEED STEPS SYNCED IMAGE    what the guest had said that is synced
///
/// Exit status: 0 done, or kept as promised; 1 not; 2 wrong words.
#include "fs/ext2/format.hpp"
#include "fs/kfs/check.hpp"
#include "tests/crash/plan.hpp"
#include "tests/crash/promise.hpp"
#include "tests/crash/story.hpp"
#include "tests/unit/fs/fat/fat_referee.hpp"
#include "tools/disk/make.hpp"
#include "tools/disk/volume.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::crash {
namespace {

using image::ImageFile;
using image::Volume;

/// A run of the guest, and how far it came at least and at most.
struct Run {
    std::string format;
    Plan plan;
    std::uint32_t low = 0, high = 0;  ///< steps

    Run(std::string name, std::uint32_t seed, std::uint32_t steps)
        : format(std::move(name)), plan(seed, steps, format.starts_with("fat")) {}
    /// The guest says how far it is behind every sync, and does not go on before.
    void synced(std::uint32_t steps) {
        const Workload& all = plan.steps();
        low = std::min(steps, static_cast<std::uint32_t>(all.size()));
        high = low;
        while (high < all.size() && all[high++].kind != Kind::sync) {
        }
    }
};

/// Mounts what is in a file and asks whether that is what was promised. Returns what is wrong;
/// empty: nothing. Changes nothing: what recovery writes stays in memory. `look` may look further.
template <class Promise, class Look>
std::string judge_tree(const Run& run, const std::string& path, Promise&& promise, Look&& look) {
    ImageFile file;
    std::string wrong = file.open(path, ImageFile::Use::look);
    const auto volume = wrong.empty() ? Volume::mount(file, true, wrong) : nullptr;
    if (volume == nullptr) {
        return wrong;
    }
    Model model;
    for (std::uint32_t n = 0; n < run.low; ++n) {
        model.run(run.plan.steps()[n], n);
    }
    Model at = model;
    promise.add(at);
    for (std::uint32_t n = run.low; n < run.high; ++n) {
        at.run(run.plan.steps()[n], n);
        promise.add(at);
    }
    if (const Status read = promise.look(volume->system()); !read) {
        return "it cannot be read: " + std::string(to_string(read.error()));
    }
    if (const std::string_view broken = promise.broken(0, run.high - run.low); !broken.empty()) {
        Listing found;
        ListingOf listing(found);
        Walk walk(&listing);
        ignore_error(walk.run(*volume->system().root()), "what could be read is what is told");
        return std::string(broken) + "; the nearest that is allowed (" +
               detail::nearest(std::move(model), run.plan.steps(), 0, run.low, run.high, found);
    }
    return look(file);
}

std::string judge_kfs(const Run& run, const std::string& path) {
    return judge_tree(run, path, WholeTrees(), [](ImageFile& file) {
        PlainHeap heap;
        fs::kfs::Checker<ImageFile, PlainHeap> checker(heap);
        std::string wrong;
        const Status checked = checker.check(file, [&](const fs::kfs::Finding& finding) {
            wrong += finding.what + std::string("\n");
        });
        return wrong.empty() && !checked ? "it cannot be checked" : wrong;
    });
}

constexpr auto no_more = [](ImageFile&) { return std::string(); };

/// As it is, and when e2fsck has mended a copy: with leaks only, all of it is there again.
std::string judge_ext2(const Run& run, const std::string& path) {
    constexpr std::string_view not_ours = "/lost+found";
    std::string wrong = judge_tree(run, path, OrderedTrees(false, not_ours), no_more);
    if (!wrong.empty()) {
        return wrong;
    }
    const fs_test::TemporaryDirectory scratch;
    const std::string copy = (scratch.path() / "image").string();
    std::filesystem::copy_file(path, copy);
    const fs_test::Said mended = fs_test::run_tool("e2fsck -fy " + copy);
    if (mended.code >= 4 || mended.text.find("Multiply-claimed") != std::string::npos) {
        return "e2fsck cannot mend it without a loss:\n" + mended.text;
    }
    if (const fs_test::Said again = fs_test::run_tool("e2fsck -fn " + copy); again.code != 0) {
        return "e2fsck is not content with what it has mended:\n" + again.text;
    }
    std::ifstream file(copy, std::ios::binary);
    file.seekg(fs::ext2::superblock_offset);
    std::array<std::byte, sizeof(fs::ext2::RawSuperblock)> super{};
    file.read(reinterpret_cast<char*>(super.data()), super.size());
    const std::size_t block = std::size_t{1024}
                              << fs::load<fs::ext2::RawSuperblock>(super, 0).log_block_size;
    wrong = judge_tree(run, copy, OrderedTrees(false, not_ours, block), no_more);
    return wrong.empty() ? wrong : "after e2fsck: " + wrong + mended.text;
}

/// The names that renames may have been between, by whatever name the directories above have.
std::set<std::string> moving_names(const Run& run) {
    std::vector<std::pair<std::string, std::string>> renames;
    for (std::uint32_t n = run.low; n < run.high; ++n) {
        const Operation& step = run.plan.steps()[n];
        if (step.kind == Kind::rename) {
            renames.emplace_back("/" + std::string(step.path), "/" + std::string(step.second));
        }
    }
    std::set<std::string> names;
    for (const auto& [from, to] : renames) {
        names.insert({from, to});
    }
    for (std::size_t before = 0; before != names.size();) {
        before = names.size();
        for (const std::string& name : std::set(names)) {
            for (const auto& [from, to] : renames) {
                for (const auto& [a, b] : {std::pair(from, to), std::pair(to, from)}) {
                    // A directory under itself has no end.
                    if (name.starts_with(a + "/") && name.size() < 200) {
                        names.insert(b + name.substr(a.size()));
                    }
                }
            }
        }
    }
    return names;
}

std::string judge_fat(const Run& run, const std::string& path) {
    std::string wrong = judge_tree(run, path, OrderedTrees(true), no_more);
    if (!wrong.empty()) {
        return wrong;
    }
    std::ifstream file(path, std::ios::binary);
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::filesystem::file_size(path)));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    wrong = fs_test::complaints_after_crash(bytes, moving_names(run));
    return wrong.empty() ? wrong : "fsck.fat says more than it may:\n" + wrong;
}

int judge(Run& run, std::uint32_t synced, const std::string& path) {
    run.synced(synced);
    const std::string wrong = run.format == "kfs"             ? judge_kfs(run, path)
                              : run.format.starts_with("fat") ? judge_fat(run, path)
                                                              : judge_ext2(run, path);
    std::printf("after step %u to %u of %zu: %s\n", run.low, run.high, run.plan.steps().size(),
                wrong.empty() ? "as promised" : wrong.c_str());
    return wrong.empty() ? 0 : 1;
}

int make(const std::string& format, const std::string& path) {
    image::NewSystem system;
    ImageFile file;
    std::string wrong = file.open(path, ImageFile::Use::change);
    if (wrong.empty()) {
        wrong = image::set_format(system, format) ? image::make_system(file, system)
                                                  : "no such file system";
    }
    if (!wrong.empty()) {
        std::fprintf(stderr, "power_cut: %s: %s\n", path.c_str(), wrong.c_str());
    }
    return wrong.empty() ? 0 : 1;
}

int main(std::span<char*> words) {
    const auto number = [&](std::size_t n) {
        return static_cast<std::uint32_t>(std::strtoul(words[n], nullptr, 10));
    };
    const std::string command = words.empty() ? "" : words[0];
    if (command == "make" && words.size() == 3) {
        return make(words[1], words[2]);
    }
    if ((command == "plan" && words.size() == 4) || (command == "judge" && words.size() == 6)) {
        Run run(words[1], number(2), number(3));
        if (command == "judge") {
            return judge(run, number(4), words[5]);
        }
        for (const Operation& step : run.plan.steps()) {
            std::printf("%s\n", text_of(step).c_str());
        }
        return 0;
    }
    std::fputs("power_cut: make, plan or judge, with what its source says\n", stderr);
    return 2;
}

}  // namespace
}  // namespace kidney::crash

int main(int count, char** words) {
    return kidney::crash::main(std::span(words + 1, static_cast<std::size_t>(count - 1)));
}

/// The laws of `FileSystem`. Freestanding.
#pragma once

#include "tests/laws/files/subject.hpp"

namespace kidney::laws::file_system {

struct S1 {
    static constexpr const char* text = "S1 the root is one directory, its own parent";
    static void check(Report& report, Subject& s) noexcept {
        const Ref<fs::Vnode> root = s.system.root();
        LAW_CHECK(report, root && root == s.system.root());
        LAW_CHECK(report, root->type() == fs::NodeType::directory);
        const auto parent = root->parent();
        LAW_CHECK(report, parent && *parent == root);
        LAW_CHECK(report, &root->file_system() == &s.system);
    }
};

struct S2 {
    static constexpr const char* text = "S2 status() counts what is taken and given back";
    static void check(Report& report, Subject& s) noexcept {
        LAW_CHECK(report, make(*s.home, "warm") && remove(*s.home, "warm"));
        LAW_CHECK(report, s.system.sync().has_value());
        const fs::FileSystemStatus before = s.system.status();
        LAW_CHECK(report, before.free_blocks <= before.blocks && before.blocks != 0);
        LAW_CHECK(report, before.free_nodes <= before.nodes && !before.read_only);
        {
            const auto file = make(*s.home, "a");
            const auto directory = make(*s.home, "d", fs::NodeType::directory);
            LAW_CHECK(report, file && directory && put(**file, 0, 60'000, 18) == 60'000U);
            const fs::FileSystemStatus now = s.system.status();
            LAW_CHECK(report, now.blocks == before.blocks || now.free_blocks < before.free_blocks);
            LAW_CHECK(report,
                      (before.free_blocks - now.free_blocks) * before.block_size >= 60'000 / 2);
            LAW_CHECK(report, before.free_nodes - now.free_nodes == 2 || before.nodes == 0);
            LAW_CHECK(report, remove(*s.home, "a") && remove(*s.home, "d"));
        }
        LAW_CHECK(report, s.system.sync().has_value());
        const fs::FileSystemStatus after = s.system.status();
        LAW_CHECK(report, after.free_blocks == before.free_blocks);
        LAW_CHECK(report, after.free_nodes == before.free_nodes);
    }
};

struct S3 {
    static constexpr const char* text = "S3 sync() changes nothing that can be seen";
    static void check(Report& report, Subject& s) noexcept {
        const auto file = make(*s.home, "a");
        LAW_CHECK(report, file && put(**file, 0, 9'000, 19) == 9'000U);
        LAW_CHECK(report, s.system.sync() && s.system.sync());
        LAW_CHECK(report, file && (*file)->sync() && holds(**file, 0, 9'000, 19));
        LAW_CHECK(report, file && leads_to(*s.home, "a", **file) && ends_at(**file, 9'000));
        LAW_CHECK(report, remove(*s.home, "a") && s.system.sync());
    }
};

}  // namespace kidney::laws::file_system

/// What a server of 9P2000.L says of a file.
#pragma once

#include "fs/p9/message.hpp"
#include "tests/fakes/fake_file_tree.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kidney::fakes {

inline void put_qid(fs::p9::Request& out, const FakeFileTree::File& file) {
    const std::uint32_t format = file.mode & 0170000;
    out.number(format == 0040000   ? fs::p9::Qid::directory
               : format == 0120000 ? fs::p9::Qid::symlink
                                   : std::uint8_t{0});
    out.number(static_cast<std::uint32_t>(file.modified)).number(file.number);
}
/// All but which of them are right.
inline void put_attributes(fs::p9::Request& out, const FakeFileTree::File& file) {
    put_qid(out, file);
    out.number(file.mode).number(file.uid).number(file.gid).number(std::uint64_t{file.links});
    out.number(file.device).number(std::uint64_t{file.bytes.size()});
    std::uint64_t blocks = 0;  // holes take nothing
    for (std::size_t at = 0; at < file.bytes.size(); at += 512) {
        const std::string_view block = std::string_view(file.bytes).substr(at, 512);
        const bool is_hole =
            block[0] == '\0' && std::memcmp(block.data(), block.data() + 1, block.size() - 1) == 0;
        blocks += is_hole ? 0 : 1;
    }
    out.number(std::uint64_t{512}).number(blocks);
    for (const std::uint64_t seconds : {file.accessed, file.modified, file.changed}) {
        out.number(seconds).number(std::uint64_t{0});
    }
    for (int n = 0; n < 4; ++n) {
        out.number(std::uint64_t{0});
    }
}

}  // namespace kidney::fakes

/// A client of 9P among replies that were tampered with. The input is a list of changes, five bytes
/// each: which message (two bytes), what to do, where and how; so the fuzzer need not find out what
/// a reply looks like.
#include "tests/unit/fs/p9/p9_world.hpp"

#include <cstdint>

namespace kidney::fs_test {
namespace {

void tamper(std::vector<std::byte>& reply, const std::uint8_t* change) {
    const std::size_t at = change[3] % reply.size();
    switch (change[2] % 4) {
        case 0:
            reply[at] = static_cast<std::byte>(change[4]);
            break;
        case 1:
            reply.resize(at);
            break;
        case 2:  // and its size says so
            reply.resize(std::max<std::size_t>(at, 7));
            reply[0] = static_cast<std::byte>(reply.size());
            reply[1] = static_cast<std::byte>(reply.size() >> 8);
            break;
        default:
            reply.resize(reply.size() + std::size_t{change[4]} * 32);
            break;
    }
}

void use(P9World& p9) {
    if (!p9.mount(4096)) {
        return;
    }
    const Ref<fs::Vnode> root = p9.system->root();
    for (const auto& step : some_of_everything()) {
        ignore_error(step(*root), "anything may come of it, but no crash");
    }
}

}  // namespace
}  // namespace kidney::fs_test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace kidney::fs_test;
    static P9World p9;
    std::uint16_t message = 0;
    p9.server = {};
    p9.server.tree.put("folder", "", 0040755);
    p9.server.tree.put("folder/file", std::string(9'000, 'x'));
    p9.server.mangle = [&](std::vector<std::byte>& reply) {
        for (std::size_t at = 0; at + 5 <= size && !reply.empty(); at += 5) {
            if ((data[at] | data[at + 1] << 8U) % 256 == message) {
                tamper(reply, data + at);
            }
        }
        ++message;
    };
    use(p9);
    p9.unmount();
    KIDNEY_INVARIANT(p9.world.is_clean(), "something was not given back");
    return 0;
}

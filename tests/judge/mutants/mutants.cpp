// All mutants in one subject: the first argument says which. They share nothing but the program,
// and each process is one of them.
#include "tests/judge/mutants/byte_buddy.hpp"
#include "tests/judge/mutants/byte_map.hpp"
#include "tests/judge/subject.hpp"

#include <string_view>

namespace kidney::mutants {
namespace {

struct Row {
    const char* name;
    int (*run)();
};
template <Bug B>
constexpr auto map = &judge::run_subject<ByteMap<B>>;
template <Bug B>
constexpr auto buddy = &judge::run_subject<ByteBuddy<B>>;

constexpr Row rows[] = {
    {"byte_map", map<Bug::none>},
    {"byte_buddy", buddy<Bug::none>},
    {"region_end", map<Bug::region_end>},
    {"aligned_in_span", map<Bug::aligned_in_span>},
    {"ends_only", map<Bug::ends_only>},
    {"all_but_last", map<Bug::all_but_last>},
    {"first_after_wrap", map<Bug::first_after_wrap>},
    {"counts_one", map<Bug::counts_one>},
    {"attach_keeps_count", map<Bug::attach_keeps_count>},
    {"last_frame", map<Bug::last_frame>},
    {"no_wrap", map<Bug::no_wrap>},
    {"wrong_error", map<Bug::wrong_error>},
    {"count_on_refusal", map<Bug::count_on_refusal>},
    {"reserve", map<Bug::reserve>},
    {"above_largest", map<Bug::above_largest>},
    {"inside", map<Bug::inside>},
    {"twice", map<Bug::twice>},
    {"any_order", map<Bug::any_order>},
    {"order_mod_8", map<Bug::order_mod_8>},
    {"beyond", map<Bug::beyond>},
    {"head_only", map<Bug::head_only>},
    {"overrun_when_full", map<Bug::overrun_when_full>},
    {"underrun", map<Bug::underrun>},
    {"odd_metadata", map<Bug::odd_metadata>},
    {"remembers_asking", map<Bug::remembers_asking>},
    {"shared_hint", map<Bug::shared_hint>},
    {"attach_keeps_hint", map<Bug::attach_keeps_hint>},
    {"address", map<Bug::address>},
    {"frame_numbers", map<Bug::frame_numbers>},
    {"endless_at_birth", map<Bug::endless_at_birth>},
    {"endless_when_full", map<Bug::endless_when_full>},
    {"endless_free", map<Bug::endless_free>},
    {"dawdles", map<Bug::dawdles>},
    {"crash_on_tiny_span", map<Bug::crash_on_tiny_span>},
    {"recursion_when_full", map<Bug::recursion_when_full>},
    {"exits_when_full", map<Bug::exits_when_full>},
    {"answers_itself", map<Bug::answers_itself>},
    {"wrong_assertion", map<Bug::wrong_assertion>},
    {"merges_absent", buddy<Bug::merges_absent>},
    {"merges_live", buddy<Bug::merges_live>},
    {"merges_smaller", buddy<Bug::merges_smaller>},
    {"never_whole", buddy<Bug::never_whole>},
    {"loses_half", buddy<Bug::loses_half>},
    {"uneven_region", buddy<Bug::uneven_region>},
};

}  // namespace
}  // namespace kidney::mutants

int main(int count, char** words) {
    for (const kidney::mutants::Row& row : kidney::mutants::rows) {
        if (count == 2 && std::string_view(words[1]) == row.name) {
            return row.run();
        }
    }
    std::fprintf(stderr, "which mutant?\n");
    return 2;
}

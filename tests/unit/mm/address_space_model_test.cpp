/// Random programs on up to four CPUs against a model that a child could check: per process, a map
/// from page to rights and value.
#include "tests/laws/report.hpp"
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace kidney::test {
namespace {

template <class Format>
class AddressSpaceModel : public testing::Test {
protected:
    using Machine = SpaceMachine<Format>;
    using Space = typename Machine::Space;

    /// What a page should be.
    struct Page {
        mm::Protection protection;
        std::uint32_t value = 0;
    };
    struct Process {
        Ref<Space> space;
        std::map<std::uint32_t, Page> pages;
    };

    // Across a boundary of leaf tables in both formats.
    static constexpr VirtAddr base{0x3FFE'0000};
    static constexpr std::uint32_t window_pages = 64;
    static constexpr std::uint32_t file_pages = 80;

    void run(std::uint32_t seed) {
        random_ = laws::Random(seed);
        auto file = Machine::Source::create(machine_.frames, machine_.ram(), file_pages);
        file_ = file;
        processes_.push_back({machine_.new_space(), {}});
        for (int step = 0; step < 4000 && !testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE(testing::Message() << "seed " << seed << " step " << step);
            machine_.tlbs.current = CpuId(random_.below(4));
            Process& process =
                processes_[random_.below(static_cast<std::uint32_t>(processes_.size()))];
            machine_.run_in(*process.space);
            this->step(process);
            for (const Process& p : processes_) {
                ASSERT_EQ(p.space->totals().bytes, p.pages.size() * page_size);
            }
            expect_true_counts(processes_);
        }
        machine_.idle();
        processes_.clear();
        file.reset();
        file_.reset();
        machine_.expect_clean();
    }

private:
    /// What is counted as pages come and go is what a look at every page finds.
    static void expect_true_counts(std::vector<Process>& processes) {
        for (Process& p : processes) {
            std::array<std::uint32_t, hal::page_kinds> found{};
            for (std::uint32_t n = 0; n < window_pages; ++n) {
                if (const auto page = p.space->query(at(n))) {
                    ++found[static_cast<std::size_t>(page->flags.kind)];
                }
            }
            const mm::ResidentPages counted = p.space->resident();
            ASSERT_EQ(counted.anonymous, found[0]);
            ASSERT_EQ(counted.file, found[1]);
            ASSERT_EQ(counted.shared_memory, found[2]);
            ASSERT_LE(counted.total(), counted.peak);
        }
    }
    void step(Process& p) {
        const std::uint32_t first = random_.below(window_pages);
        const std::uint32_t count = 1 + random_.below(std::min(8U, window_pages - first));
        switch (random_.below(16)) {
            case 0:
                return map(p, first, count, false);
            case 1:
                return map(p, first, count, true);
            case 2:
                return unmap(p, first, count);
            case 3:
                return protect(p, first, count);
            case 4:
                return fork(p);
            case 5:
                return exit(p);
            case 6:
            case 7:
            case 8:
            case 9:
            case 10:
                return load(p, first);
            default:
                return store(p, first);
        }
    }
    void map(Process& p, std::uint32_t first, std::uint32_t count, bool of_the_file) {
        const mm::Protection protection = any_protection();
        const std::uint32_t address = at(first).value();
        const std::uint32_t file_page = random_.below(file_pages - count);
        ASSERT_TRUE(p.space->map(
            fixed_at(address, of_the_file ? of_file(file_, count, false, protection, file_page)
                                          : anonymous(count, protection))));
        for (std::uint32_t i = 0; i < count; ++i) {
            p.pages[first + i] = {protection, of_the_file ? 0x01010101U * (file_page + i + 1) : 0};
        }
    }
    void unmap(Process& p, std::uint32_t first, std::uint32_t count) {
        ASSERT_TRUE(p.space->unmap({at(first), count * page_size}));
        for (std::uint32_t i = 0; i < count; ++i) {
            p.pages.erase(first + i);
        }
    }
    void protect(Process& p, std::uint32_t first, std::uint32_t count) {
        const mm::Protection protection = any_protection();
        // As on Linux: up to the first hole.
        std::uint32_t covered = 0;
        while (covered < count && p.pages.contains(first + covered)) {
            p.pages[first + covered++].protection = protection;
        }
        ASSERT_EQ(p.space->protect({at(first), count * page_size}, protection).has_value(),
                  covered == count);
    }
    void fork(Process& p) {
        if (processes_.size() < 5) {
            Process child{*p.space->fork(), p.pages};
            processes_.push_back(std::move(child));
        }
    }
    void exit(Process& p) {
        if (processes_.size() > 1) {
            machine_.leave(*p.space);
            std::swap(p, processes_.back());
            processes_.pop_back();
        }
    }
    void load(Process& p, std::uint32_t page) {
        const auto expected = p.pages.find(page);
        const auto value = machine_.load(at(page));
        ASSERT_EQ(value.has_value(),
                  expected != p.pages.end() && expected->second.protection.any());
        if (value) {
            ASSERT_EQ(*value, expected->second.value);
        }
    }
    void store(Process& p, std::uint32_t page) {
        const auto expected = p.pages.find(page);
        const std::uint32_t value = random_.next();
        const bool stored = machine_.store(at(page), value);
        ASSERT_EQ(stored, expected != p.pages.end() && expected->second.protection.write);
        if (stored) {
            expected->second.value = value;
        }
    }
    mm::Protection any_protection() {
        switch (random_.below(6)) {
            case 0:
                return no_access;
            case 1:
                return read_only;
            default:
                return read_write;
        }
    }
    static VirtAddr at(std::uint32_t page) { return base + page * page_size; }

    Machine machine_;
    std::vector<Process> processes_;
    Ref<mm::PageSource> file_;
    laws::Random random_{1};
};

using Formats = testing::Types<arch::TwoLevel, arch::Pae>;
TYPED_TEST_SUITE(AddressSpaceModel, Formats);

TYPED_TEST(AddressSpaceModel, RandomProgramsSeeWhatTheyShould) {
    for (std::uint32_t seed = 1; seed <= 6 && !this->HasFailure(); ++seed) {
        this->run(seed);
    }
}

}  // namespace
}  // namespace kidney::test

/// Names of a large directory by chance, beside a list of them: made, found, moved and removed,
/// also while memory is short.
#pragma once

#include "kidney/fs/vnode.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

#include <iterator>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>

namespace kidney::fs_test {

class NamesByChance {
public:
    /// `heap` is the file system's. Names consist of small letters, figures and dots.
    NamesByChance(const Ref<fs::Vnode>& directory, fakes::FakeHeap& heap, unsigned seed)
        : directory_(directory), heap_(heap), random_(seed) {}

    void run(unsigned steps) {
        for (unsigned n = 0; n < steps && !testing::Test::HasFailure(); ++n) {
            // Here and there an index cannot grow, or cannot be built.
            heap_.fail_at(random_() % 16 == 0 ? 1 + random_() % 4 : 0);
            step();
            heap_.fail_at(0);
        }
    }
    void expect_same() {
        std::set<std::string> listed;
        for (const std::string& name : names_) {
            EXPECT_TRUE(directory_->lookup(name)) << name;
        }
        struct Sink final : fs::DirectorySink {
            explicit Sink(std::set<std::string>& to) : names(to) {}
            bool accept(const fs::DirectoryEntry& entry) noexcept override {
                if (entry.name != "." && entry.name != "..") {
                    names.emplace(entry.name);
                }
                return true;
            }
            std::set<std::string>& names;
        } sink(listed);
        EXPECT_TRUE(directory_->read_directory(0, sink));
        EXPECT_EQ(listed, names_);
    }
    [[nodiscard]] std::size_t size() const { return names_.size(); }

private:
    using Outcome = std::optional<Errc>;  ///< of what succeeds: nothing

    void step() {
        const std::string name = any_name();
        const bool is_there = names_.contains(name);
        switch (random_() % 8) {
            case 0:
            case 1:
            case 2:
                if (note(directory_->create(name, {.permissions = fs::Permissions(0644)}),
                         is_there ? Outcome(Errc::exists) : Outcome())) {
                    names_.insert(name);
                }
                break;
            case 3:
                remove(some_name());
                break;
            case 4:
                rename(some_name(), name, is_there);
                break;
            default:
                note(directory_->lookup(name), is_there ? Outcome() : Outcome(Errc::not_found));
        }
    }
    void remove(const std::string& name) {
        const auto node = directory_->lookup(name);
        if (node && note(directory_->unlink(name, **node), Outcome())) {
            names_.erase(name);
        }
    }
    void rename(const std::string& from, const std::string& to, bool is_there) {
        const auto node = directory_->lookup(from);
        const auto there =
            is_there ? directory_->lookup(to) : Result<Ref<fs::Vnode>>(fail(Errc::not_found));
        if (!node || (is_there && !there)) {
            return;
        }
        const Status renamed = directory_->rename({.name = from,
                                                   .node = **node,
                                                   .new_parent = *directory_,
                                                   .new_name = to,
                                                   .replaced = there ? there->get() : nullptr});
        if (note(renamed, Outcome())) {
            names_.erase(from);
            names_.insert(to);
        }
    }
    /// True: it was done. It fails as expected, or because there was no memory for it.
    template <class T>
    bool note(const T& seen, Outcome expected) {
        const bool is_short = !seen && seen.error() == Errc::no_memory && heap_.has_failed();
        EXPECT_TRUE(is_short || (seen ? !expected : expected == seen.error()));
        return seen.has_value();
    }
    [[nodiscard]] std::string any_name() {
        const unsigned n = random_() % 900;
        return "name number " + std::to_string(n) + std::string(n % 29, 'x') + ".text";
    }
    [[nodiscard]] std::string some_name() {
        return names_.empty() ? any_name()
                              : *std::next(names_.begin(),
                                           static_cast<std::ptrdiff_t>(random_() % names_.size()));
    }

    Ref<fs::Vnode> directory_;
    fakes::FakeHeap& heap_;
    std::mt19937 random_;
    std::set<std::string> names_;
};

}  // namespace kidney::fs_test

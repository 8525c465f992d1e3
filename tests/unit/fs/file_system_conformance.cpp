/// Every file system passes the laws of Vnode, File and FileSystem; and the laws find mistakes.
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/unit/fs/ext2_referee.hpp"
#include "tests/unit/fs/plain_opener.hpp"

#include <gtest/gtest.h>

namespace kidney::fs {
namespace {

using fs_test::World;
namespace law = laws::file_system;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;

/// A Vnode with nothing in it but what it must have: V1 is about what it answers then.
struct EmptyFileSystem final : FileSystem {
    [[nodiscard]] Ref<Vnode> root() noexcept override { return nullptr; }
    [[nodiscard]] const char* type_name() const noexcept override { return "empty"; }
};
struct EmptyVnode final : Vnode {
    explicit EmptyVnode(FileSystem& f) : system(f) {}
    [[nodiscard]] NodeType type() const noexcept override { return NodeType::regular; }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return system; }
    void dispose() noexcept override {}
    FileSystem& system;
};

TEST(FileSystemLaws, V1AnOperationThatIsNotThereSaysSo) {
    EmptyFileSystem system;
    EmptyVnode node(system);
    std::array<std::byte, 4> bytes{};
    std::array<char, 4> text{};
    SpanReadBuffer to(bytes);
    SpanWriteBuffer from(bytes);
    law::CountingSink sink;
    std::uint64_t end = 0;
    EXPECT_EQ(node.attributes().error(), Errc::not_supported);
    EXPECT_EQ(node.set_attributes({}).error(), Errc::read_only);
    EXPECT_EQ(node.lookup("x").error(), Errc::not_directory);
    EXPECT_EQ(node.parent().error(), Errc::not_directory);
    EXPECT_EQ(node.create("x", {}).error(), Errc::read_only);
    EXPECT_EQ(node.create_unnamed({}, true).error(), Errc::not_supported);
    EXPECT_EQ(node.link("x", node).error(), Errc::read_only);
    EXPECT_EQ(node.unlink("x", node).error(), Errc::read_only);
    EXPECT_EQ(node.rename({"x", node, node, "y"}).error(), Errc::read_only);
    EXPECT_EQ(node.read_directory(0, sink).error(), Errc::not_directory);
    EXPECT_EQ(node.read_link(text).error(), Errc::invalid_argument);
    EXPECT_EQ(node.read(0, to).error(), Errc::invalid_argument);
    EXPECT_EQ(node.write(0, from).error(), Errc::invalid_argument);
    EXPECT_EQ(node.append(from, end).error(), Errc::invalid_argument);
    EXPECT_EQ(node.allocate(0, 1, false).error(), Errc::not_supported);
    EXPECT_EQ(node.punch_hole(0, 1).error(), Errc::not_supported);
    EXPECT_EQ(node.find_data(0).error(), Errc::not_supported) << "it has no size";
    EXPECT_EQ(node.find_hole(0).error(), Errc::not_supported);
    EXPECT_EQ(node.seals().error(), Errc::invalid_argument);
    EXPECT_EQ(node.pages().error(), Errc::unsuitable_device);
    EXPECT_EQ(*node.follow(), nullptr);
    EXPECT_EQ(*node.open({}), nullptr);
    EXPECT_TRUE(node.sync());
    EXPECT_EQ(system.sync().error(), Errc::not_supported) << "nothing claims to be durable";
    EXPECT_EQ(system.status().blocks, 0U);
    EXPECT_EQ(to.remaining(), 4U);
    EXPECT_EQ(from.remaining(), 4U);
}

TEST(FileSystemLaws, Tmpfs) {
    World world;
    {
        TestTmpfs disk{
            world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100, .nodes = 200}};
        ASSERT_TRUE(disk.start(Permissions(0755)));
        law::Subject subject{disk, *law::make(*disk.root(), "home", NodeType::directory)};
        test::LawReport report;
        laws::run_laws<law::Suite>(report, subject);
        fs_test::run_file_laws(report, world, *subject.home);
        test::expect_laws_held(report);
    }
    EXPECT_TRUE(world.is_clean());
}

TEST(FileSystemLaws, ReadOnlyExt2) {
    for (const unsigned block_size : {1024U, 2048U, 4096U}) {
        const fs_test::TemporaryDirectory tree;
        fs_test::make_tree(tree.path());
        const auto image = fs_test::make_image(tree.path(), block_size, "8M", "");
        if (image.empty()) {
            GTEST_SKIP() << "no mke2fs here";
        }
        World world;
        fakes::FakeDisk disk(image, 512);
        fs_test::TestCache cache(world.heap, world.frames, world.arena);
        fs_test::TestExt2 ext2(world.heap, cache, AnyBlockDevice(disk), world.clock,
                               fs_test::read_only);
        ASSERT_TRUE(ext2.mount());
        for (const char* directory : {"many", "a", ""}) {
            law::Subject subject{
                ext2, *directory == '\0' ? ext2.root() : *ext2.root()->lookup(directory)};
            test::LawReport report;
            if (std::string_view(directory) == "many" || *directory == '\0') {
                laws::run_laws<law::ReadOnlySuite>(report, subject);
            } else {
                laws::run_laws<TypeList<law::S1, law::ReadOnlyV6>>(report, subject);
            }
            test::expect_laws_held(report);
        }
    }
}

TEST(FileSystemLaws, WritableExt2) {
    for (const unsigned block_size : {1024U, 2048U, 4096U}) {
        const fs_test::TemporaryDirectory tree;
        const auto image = fs_test::make_image(tree.path(), block_size, "8M", "");
        if (image.empty()) {
            GTEST_SKIP() << "no mke2fs here";
        }
        World world;
        {
            fakes::FakeDisk disk(image, 512);
            fs_test::TestCache cache(world.heap, world.frames, world.arena);
            fs_test::TestExt2 ext2(world.heap, cache, AnyBlockDevice(disk), world.clock,
                                   fs_test::writable);
            ASSERT_TRUE(ext2.mount());
            law::Subject subject{ext2, *law::make(*ext2.root(), "home", NodeType::directory)};
            test::LawReport report;
            laws::run_laws<law::Suite>(report, subject);
            fs_test::run_file_laws(report, world, *subject.home);
            test::expect_laws_held(report);
            EXPECT_TRUE(ext2.unmount());
            EXPECT_EQ(fs_test::check_image(disk.bytes()), "");
        }
        EXPECT_TRUE(world.is_clean());
    }
}

/// A file system with a mistake in one operation: a law must find each.
enum class Mistake {
    none,
    forgets_to_count,     ///< read() answers one byte less
    writes_beside,        ///< write() stores one byte further on
    forgets_the_limit,    ///< write() goes past what the writer may
    ends_set_id_before,   ///< write() looks at set-id bits before the bytes come
    keeps_the_end,        ///< truncation does nothing
    repeats_an_entry,     ///< read_directory() feeds its last entry again
    unlinks_anything,     ///< unlink() does not look which node it is
    lies_about_the_type,  ///< a listing says that all are files
    appends_at_the_start
};
struct MistakenVnode;
struct MistakenSystem final : FileSystem {
    MistakenSystem(FileSystem& r, Mistake m) : real(r), mistake(m) {}
    [[nodiscard]] Ref<Vnode> root() noexcept override { return of(real.root()); }
    [[nodiscard]] FileSystemStatus status() noexcept override { return real.status(); }
    [[nodiscard]] Status sync() noexcept override { return real.sync(); }
    [[nodiscard]] const char* type_name() const noexcept override { return "mistaken"; }
    [[nodiscard]] Ref<Vnode> of(Ref<Vnode> node);
    FileSystem& real;
    Mistake mistake;
    std::map<Vnode*, Ref<Vnode>> wrappers;
};
struct MistakenVnode final : Vnode {
    MistakenVnode(MistakenSystem& s, Ref<Vnode> r) : system(s), real(std::move(r)) {}
    [[nodiscard]] bool has(Mistake m) const { return system.mistake == m; }
    [[nodiscard]] static Vnode& inside(Vnode& v) { return *static_cast<MistakenVnode&>(v).real; }
    [[nodiscard]] NodeType type() const noexcept override { return real->type(); }
    [[nodiscard]] FileSystem& file_system() const noexcept override { return system; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override { return real->attributes(); }
    [[nodiscard]] Status set_attributes(const AttributeChange& c) noexcept override {
        return has(Mistake::keeps_the_end) && c.size ? Status() : real->set_attributes(c);
    }
    [[nodiscard]] Result<Ref<Vnode>> lookup(std::string_view name) noexcept override {
        return system.of(TRY(real->lookup(name)));
    }
    [[nodiscard]] Result<Ref<Vnode>> parent() noexcept override {
        return system.of(TRY(real->parent()));
    }
    [[nodiscard]] Result<Ref<Vnode>> create(std::string_view name,
                                            const NewNode& what) noexcept override {
        return system.of(TRY(real->create(name, what)));
    }
    [[nodiscard]] Result<Ref<Vnode>> create_unnamed(const NewNode& what, bool l) noexcept override {
        return system.of(TRY(real->create_unnamed(what, l)));
    }
    [[nodiscard]] Status link(std::string_view name, Vnode& node) noexcept override {
        return real->link(name, inside(node));
    }
    [[nodiscard]] Status unlink(std::string_view name, Vnode& node) noexcept override {
        if (has(Mistake::unlinks_anything)) {
            const Ref<Vnode> there = TRY(real->lookup(name));
            return real->unlink(name, *there);
        }
        return real->unlink(name, inside(node));
    }
    [[nodiscard]] Status rename(const NameMove& m) noexcept override {
        return real->rename({m.name, inside(m.node), inside(m.new_parent), m.new_name,
                             m.replaced == nullptr ? nullptr : &inside(*m.replaced), m.exchange});
    }
    [[nodiscard]] Status read_directory(std::uint64_t cookie, DirectorySink& to) noexcept override {
        struct Sink final : DirectorySink {
            Sink(DirectorySink& t, Mistake m) : to(t), mistake(m) {}
            bool accept(const DirectoryEntry& entry) noexcept override {
                DirectoryEntry e = entry;
                if (mistake == Mistake::lies_about_the_type) {
                    e.type = NodeType::regular;
                }
                return to.accept(e) &&
                       (mistake != Mistake::repeats_an_entry || e.name != "n07" || to.accept(e));
            }
            DirectorySink& to;
            Mistake mistake;
        } sink(to, system.mistake);
        return real->read_directory(cookie, sink);
    }
    [[nodiscard]] Result<std::size_t> read_link(std::span<char> to) noexcept override {
        return real->read_link(to);
    }
    [[nodiscard]] Result<std::size_t> read(std::uint64_t at, ReadBuffer& to) noexcept override {
        const std::size_t count = TRY(real->read(at, to));
        return has(Mistake::forgets_to_count) && count > 0 ? count - 1 : count;
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t at, WriteBuffer& from) noexcept override {
        if (has(Mistake::forgets_the_limit)) {
            from.limit_size(~std::uint64_t{0});
        }
        if (has(Mistake::ends_set_id_before)) {
            const Permissions now = TRY(real->attributes()).permissions;
            TRY(real->set_attributes({.permissions = with_set_id(now, from.set_id())}));
            from.end_set_id(SetIdBits::stay);
        }
        return real->write(at + (has(Mistake::writes_beside) ? 1 : 0), from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from,
                                             std::uint64_t& end) noexcept override {
        if (has(Mistake::appends_at_the_start)) {
            end = from.remaining();
            return real->write(0, from);
        }
        return real->append(from, end);
    }
    void dispose() noexcept override { delete this; }
    MistakenSystem& system;
    Ref<Vnode> real;
};
Ref<Vnode> MistakenSystem::of(Ref<Vnode> node) {
    Ref<Vnode>& wrapper = wrappers[node.get()];
    if (!wrapper) {
        wrapper = Ref<Vnode>::adopt(new MistakenVnode(*this, std::move(node)));
    }
    return wrapper;
}

/// The first law that is broken, or nothing.
std::string broken_law(Mistake mistake) {
    World world;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100}};
    EXPECT_TRUE(disk.start(Permissions(0755)));
    MistakenSystem system(disk, mistake);
    laws::Report report;
    law::Subject subject{system, *law::make(*system.root(), "home", NodeType::directory)};
    // Wrappers keep their nodes, so what counts what is given back is not for them.
    laws::run_laws<TypeList<law::S1, law::V2, law::V3, law::V4, law::V5, law::V6, law::V7, law::V8,
                            law::V9, law::V10, law::V11, law::V12>>(report, subject);
    return report.failures().empty() ? "" : std::string(report.failures()[0].law).substr(0, 3);
}

TEST(FileSystemLaws, EveryMistakeBreaksOne) {
    EXPECT_EQ(broken_law(Mistake::none), "");
    EXPECT_EQ(broken_law(Mistake::forgets_to_count), "V3 ");
    EXPECT_EQ(broken_law(Mistake::writes_beside), "V3 ");
    EXPECT_EQ(broken_law(Mistake::forgets_the_limit), "V8 ");
    EXPECT_EQ(broken_law(Mistake::ends_set_id_before), "V8 ");
    EXPECT_EQ(broken_law(Mistake::keeps_the_end), "V9 ");
    EXPECT_EQ(broken_law(Mistake::repeats_an_entry), "V6 ");
    EXPECT_EQ(broken_law(Mistake::unlinks_anything), "V3 ");
    EXPECT_EQ(broken_law(Mistake::lies_about_the_type), "V6 ");
    EXPECT_EQ(broken_law(Mistake::appends_at_the_start), "V8 ");
}

}  // namespace
}  // namespace kidney::fs

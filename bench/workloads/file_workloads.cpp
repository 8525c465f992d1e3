#include "bench/workloads/file_workloads.hpp"

#include "kidney/core/type_list.hpp"
#include "tests/laws/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kidney::bench {

/// A store, and what workloads need around it.
class Files {
public:
    static constexpr std::size_t piece = 64 * 1024;

    Files(FileStore& store, const FileScale& scale)
        : store(store), scale(scale), random(scale.seed), memory_(2 * piece) {
        std::uint32_t n = 0;
        for (std::byte& byte : buffer()) {
            byte = static_cast<std::byte>(n * 31 + n / 977);
            ++n;
        }
    }

    /// Does `body()`, which is `operations` of them, and counts.
    template <class Body>
    [[nodiscard]] Status measure(std::uint64_t operations, std::uint64_t bytes, Body&& body) {
        const DiskCost before = store.cost();
        const std::int64_t begin = thread_nanoseconds();
        const Status done = body();
        result.nanoseconds = thread_nanoseconds() - begin;
        result.first_command = before.reads + before.writes + before.flushes;
        result.cost = store.cost() - before;
        result.operations = operations;
        result.bytes = bytes;
        return done;
    }
    /// Aligned to pages.
    [[nodiscard]] std::span<std::byte, piece> buffer() noexcept {
        void* at = memory_.data();
        std::size_t space = memory_.size();
        return std::span<std::byte, piece>(
            static_cast<std::byte*>(std::align(4096, piece, at, space)), piece);
    }
    [[nodiscard]] std::uint64_t large_bytes() const noexcept {
        return std::uint64_t{scale.large_kib} * 1024;
    }
    /// Behind the bytes that are there.
    [[nodiscard]] Status fill(OpenFile& file, std::size_t bytes_each) {
        for (std::uint64_t at = 0; at < large_bytes(); at += bytes_each) {
            TRY(file.write(at, buffer().first(bytes_each)));
        }
        return {};
    }
    /// On the disk, and nowhere else.
    [[nodiscard]] Result<FilePtr> large_file() {
        {
            const FilePtr file = TRY(store.create("LARGE.DAT"));
            TRY(fill(*file, piece));
        }
        TRY(store.sync());
        TRY(store.remount());
        return store.open("LARGE.DAT");
    }
    [[nodiscard]] Status make(const std::string& path, std::size_t bytes) {
        const FilePtr file = TRY(store.create(path));
        return file->write(0, buffer().first(bytes));
    }
    /// Directory "D" with these files in it.
    [[nodiscard]] Status directory(const std::vector<std::string>& names, std::size_t bytes = 0) {
        TRY(store.make_directory("D"));
        for (const std::string& name : names) {
            TRY(make(name, bytes));
        }
        return store.sync();
    }

    FileStore& store;
    const FileScale scale;
    laws::Random random;
    Measured result;

private:
    std::vector<std::byte> memory_;
};

namespace {

[[nodiscard]] std::string short_name(std::uint32_t n) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "D/F%07u.DAT", n % 10'000'000);
    return text.data();
}
[[nodiscard]] std::string long_name(std::uint32_t n) {
    return "D/A file with a rather long name, number " + std::to_string(n) + ".data";
}
[[nodiscard]] std::string missing_name(std::uint32_t n) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "D/G%07u.DAT", n % 10'000'000);
    return text.data();
}

/// Ready before anything is measured.
[[nodiscard]] std::vector<std::string> names_of(std::uint32_t files,
                                                std::string (*name)(std::uint32_t),
                                                std::uint32_t first = 0) {
    std::vector<std::string> names;
    for (std::uint32_t n = 0; n < files; ++n) {
        names.push_back(name(first + n));
    }
    return names;
}

/// A new file from its beginning to its end.
template <std::size_t kib>
struct WriteLarge {
    static constexpr const char* name = kib == 4 ? "write_4k" : "write_64k";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.store.create("LARGE.DAT"));
        return f.measure(f.scale.large_kib / kib, f.large_bytes(), [&]() -> Status {
            TRY(f.fill(*file, kib * 1024));
            return f.store.sync();
        });
    }
};
/// The bytes of a file that is there are replaced.
struct Overwrite {
    static constexpr const char* name = "overwrite_64k";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.large_file());
        return f.measure(f.scale.large_kib / 64, f.large_bytes(), [&]() -> Status {
            TRY(f.fill(*file, Files::piece));
            return f.store.sync();
        });
    }
};
/// From the beginning to the end; no byte is in memory.
template <std::size_t kib>
struct ReadLarge {
    static constexpr const char* name = kib == 4 ? "read_4k" : "read_64k";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.large_file());
        return f.measure(f.scale.large_kib / kib, f.large_bytes(), [&]() -> Status {
            for (std::uint64_t at = 0; at < f.large_bytes(); at += kib * 1024) {
                TRY(file->read(at, f.buffer().first(kib * 1024)));
            }
            return {};
        });
    }
};
/// 4 KiB anywhere in a large file of which no byte is in memory.
template <bool writes>
struct RandomBlocks {
    static constexpr const char* name = writes ? "random_write_4k" : "random_read_4k";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.large_file());
        const std::uint64_t bytes = std::uint64_t{f.scale.blocks} * 4096;
        return f.measure(f.scale.blocks, bytes, [&]() -> Status {
            for (std::uint32_t n = 0; n < f.scale.blocks; ++n) {
                const std::uint64_t at =
                    f.random.below(f.scale.large_kib / 4) * std::uint64_t{4096};
                TRY(writes ? file->write(at, f.buffer().first<4096>())
                           : file->read(at, f.buffer().first<4096>()));
            }
            return writes ? f.store.sync() : Status();
        });
    }
};
/// A file of 64 KiB that was read a moment ago.
struct ReadAgain {
    static constexpr const char* name = "reread_4k";
    static Status run(Files& f) {
        TRY(f.make("HOT.DAT", Files::piece));
        TRY(f.store.sync());
        const FilePtr file = TRY(f.store.open("HOT.DAT"));
        TRY(file->read(0, f.buffer()));
        const std::uint32_t rounds = 16 * f.scale.rounds;
        return f.measure(std::uint64_t{rounds} * 16, rounds * Files::piece, [&]() -> Status {
            for (std::uint32_t round = 0; round < rounds; ++round) {
                for (std::uint64_t at = 0; at < Files::piece; at += 4096) {
                    TRY(file->read(at, f.buffer().first<4096>()));
                }
            }
            return {};
        });
    }
};
/// A byte, and a byte, and a byte; stored at the end.
struct AppendBytes {
    static constexpr const char* name = "append_1";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.store.create("LOG.TXT"));
        TRY(f.store.sync());
        return f.measure(f.scale.appends, f.scale.appends, [&]() -> Status {
            for (std::uint32_t n = 0; n < f.scale.appends; ++n) {
                TRY(file->append(f.buffer().first<1>()));
            }
            return f.store.sync();
        });
    }
};
/// A line of a log that must not be lost: 128 bytes and fsync.
struct AppendSynced {
    static constexpr const char* name = "append_128_synced";
    static Status run(Files& f) {
        const FilePtr file = TRY(f.store.create("LOG.TXT"));
        TRY(file->append(f.buffer().first<512>()));
        TRY(f.store.sync());
        return f.measure(f.scale.synced, std::uint64_t{f.scale.synced} * 128, [&]() -> Status {
            for (std::uint32_t n = 0; n < f.scale.synced; ++n) {
                TRY(file->append(f.buffer().first<128>()));
                TRY(file->sync());
            }
            return {};
        });
    }
};
/// A file of 64 KiB is made, and is durable.
struct MediumFiles {
    static constexpr const char* name = "file_64k_synced";
    static Status run(Files& f) {
        TRY(f.store.make_directory("D"));
        TRY(f.store.sync());
        const std::vector<std::string> names = names_of(f.scale.synced / 5, short_name);
        return f.measure(names.size(), names.size() * Files::piece, [&]() -> Status {
            for (const std::string& path : names) {
                TRY(f.make(path, Files::piece));
                TRY(f.store.sync());
            }
            return {};
        });
    }
};

/// Files of a KiB in one directory, all of them stored together at the end, or each by itself.
enum class Creation : std::uint8_t { few, many, long_names, synced };
template <Creation how>
struct CreateFiles {
    static constexpr const char* name = std::array{"create", "create_many", "create_long",
                                                   "create_synced"}[static_cast<std::size_t>(how)];
    static Status run(Files& f) {
        TRY(f.store.make_directory("D"));
        TRY(f.store.sync());
        const std::uint32_t files = how == Creation::many     ? f.scale.many
                                    : how == Creation::synced ? f.scale.synced
                                                              : f.scale.files;
        const std::vector<std::string> names =
            names_of(files, how == Creation::long_names ? long_name : short_name);
        return f.measure(files, std::uint64_t{files} * 1024, [&]() -> Status {
            for (const std::string& path : names) {
                TRY(f.make(path, 1024));
                TRY(how == Creation::synced ? f.store.sync() : Status());
            }
            return f.store.sync();
        });
    }
};
/// Names that are there or not, in no order; they were all looked up before, or never.
enum class Search : std::uint8_t { few, many, missing, cold };
template <Search what>
struct LookUp {
    static constexpr const char* name = std::array{"look_up", "look_up_many", "look_up_missing",
                                                   "look_up_cold"}[static_cast<std::size_t>(what)];
    static Status run(Files& f) {
        constexpr bool is_cold = what == Search::cold;
        const std::uint32_t files = what == Search::few || is_cold ? f.scale.files : f.scale.many;
        const std::vector<std::string> there = names_of(files, short_name);
        const std::vector<std::string> missing = names_of(files, missing_name);
        TRY(f.directory(there));
        TRY(is_cold ? f.store.remount() : f.store.look_up(there.front()));
        const std::uint32_t count =
            is_cold ? files : std::max(f.scale.rounds * f.scale.files, files);
        return f.measure(count, 0, [&]() -> Status {
            for (std::uint32_t n = 0; n < count; ++n) {
                const std::uint32_t which = f.random.below(files);
                if constexpr (what == Search::missing) {
                    const Status found = f.store.look_up(missing[which]);
                    if (found || found.error() != Errc::not_found) {
                        return fail(found ? Errc::exists : found.error());
                    }
                } else {
                    TRY(f.store.look_up(there[which]));
                }
            }
            return {};
        });
    }
};
/// Every file gets another name in the same directory.
enum class Naming : std::uint8_t { many, long_names };
template <Naming how>
struct RenameFiles {
    static constexpr bool is_long = how == Naming::long_names;
    static constexpr const char* name = is_long ? "rename_long" : "rename_many";
    static Status run(Files& f) {
        const std::uint32_t files = is_long ? f.scale.files : f.scale.many;
        const std::vector<std::string> before = names_of(files, is_long ? long_name : short_name);
        const std::vector<std::string> after =
            is_long ? names_of(files, long_name, files) : names_of(files, missing_name);
        TRY(f.directory(before));
        return f.measure(files, 0, [&]() -> Status {
            for (std::uint32_t n = 0; n < files; ++n) {
                TRY(f.store.rename(before[n], after[n]));
            }
            return f.store.sync();
        });
    }
};
/// A file of a KiB goes.
struct Unlink {
    static constexpr const char* name = "unlink_many";
    static Status run(Files& f) {
        const std::vector<std::string> names = names_of(f.scale.many, short_name);
        TRY(f.directory(names, 1024));
        return f.measure(names.size(), 0, [&]() -> Status {
            for (const std::string& path : names) {
                TRY(f.store.unlink(path));
            }
            return f.store.sync();
        });
    }
};
/// All names of a large directory, as `ls` reads them; counted by the name.
struct List {
    static constexpr const char* name = "list_many";
    static Status run(Files& f) {
        TRY(f.directory(names_of(f.scale.many, short_name)));
        TRY(f.store.list("D"));
        return f.measure(std::uint64_t{f.scale.many} * f.scale.rounds, 0, [&]() -> Status {
            for (std::uint32_t round = 0; round < f.scale.rounds; ++round) {
                if (TRY(f.store.list("D")) != f.scale.many) {
                    return fail(Errc::corrupted);
                }
            }
            return {};
        });
    }
};
/// A file below eight directories is found.
struct DeepPath {
    static constexpr const char* name = "deep_path";
    static Status run(Files& f) {
        std::string path;
        for (unsigned level = 0; level < 8; ++level) {
            path += (level == 0 ? "L" : "/L") + std::to_string(level);
            TRY(f.store.make_directory(path));
        }
        path += "/FILE.DAT";
        TRY(f.make(path, 1024));
        TRY(f.store.sync());
        const std::uint32_t rounds = 64 * f.scale.rounds;
        return f.measure(rounds, 0, [&]() -> Status {
            for (std::uint32_t n = 0; n < rounds; ++n) {
                TRY(f.store.look_up(path));
            }
            return {};
        });
    }
};

using Workloads =
    TypeList<WriteLarge<4>, WriteLarge<64>, Overwrite, ReadLarge<4>, ReadLarge<64>,
             RandomBlocks<false>, RandomBlocks<true>, ReadAgain, AppendBytes, AppendSynced,
             MediumFiles, CreateFiles<Creation::few>, CreateFiles<Creation::many>,
             CreateFiles<Creation::long_names>, CreateFiles<Creation::synced>, LookUp<Search::few>,
             LookUp<Search::many>, LookUp<Search::missing>, LookUp<Search::cold>,
             RenameFiles<Naming::many>, RenameFiles<Naming::long_names>, Unlink, List, DeepPath>;

}  // namespace

std::vector<FileWorkload> file_workloads() {
    std::vector<FileWorkload> all;
    Workloads::for_each([&]<class W>() { all.push_back({W::name, &W::run}); });
    return all;
}

Result<Measured> measure(const FileWorkload& workload, FileStore& store, FileScale scale) {
    scale.large_kib = std::min(scale.large_kib, store.most_kib());
    scale.many = std::min(scale.many, store.most_files());
    scale.blocks = std::min(scale.blocks, scale.large_kib / 4);
    TRY(store.start());
    Measured result;
    {
        Files files(store, scale);
        TRY(workload.run(files));
        result = files.result;
    }
    store.stop();
    return result;
}

}  // namespace kidney::bench

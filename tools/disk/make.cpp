#include "tools/disk/make.hpp"

#include "fs/partitions/make_partitions.hpp"
#include "tools/disk/commands.hpp"
#include "tools/disk/complaint.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace kidney::image {
namespace {

constexpr std::uint64_t mebi = 1U << 20U;
constexpr std::uint64_t default_bytes = 64 * mebi;

struct Plan {
    fs::PartitionScheme scheme = fs::PartitionScheme::none;
    std::vector<NewSystem> systems;
    std::uint64_t bytes = 0;  ///< 0: as many as are needed
};

/// `fs:BYTES`, as `--part` has it; 0 bytes: the rest.
std::optional<NewSystem> part_of(const std::string& text) {
    NewSystem system;
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || !set_format(system, text.substr(0, colon))) {
        return std::nullopt;
    }
    system.bytes = std::strtoull(text.c_str() + colon + 1, nullptr, 10);
    return system;
}

std::optional<Plan> plan_of(const Arguments& arguments) {
    Plan plan;
    plan.bytes = arguments.number("size");
    const std::string table = arguments.value("table", "none");
    plan.scheme = table == "gpt"   ? fs::PartitionScheme::gpt
                  : table == "mbr" ? fs::PartitionScheme::mbr
                                   : fs::PartitionScheme::none;
    for (const auto& [option, value] : arguments.values) {
        NewSystem system;
        if (option == "format") {
            if (!set_format(system, value)) {
                return std::nullopt;
            }
            system.inodes = arguments.number("inodes");
            system.log_blocks = arguments.number("log-blocks");
            plan.systems.push_back(system);
        } else if (option == "part") {
            const auto part = part_of(value);
            if (!part) {
                return std::nullopt;
            }
            plan.systems.push_back(*part);
        }
    }
    if (plan.bytes == 0 && plan.scheme != fs::PartitionScheme::none &&
        std::ranges::all_of(plan.systems, [](const NewSystem& s) { return s.bytes != 0; })) {
        plan.bytes = 2 * mebi;  // the table in front, and its second copy
        for (const NewSystem& system : plan.systems) {
            plan.bytes += system.bytes;
        }
    }
    return plan;
}

/// The parts one behind the other, from 1 MiB on. Nothing: they do not fit.
std::optional<std::vector<fs::NewPartition>> layout(const Plan& plan, std::uint64_t sectors) {
    constexpr std::uint64_t per_mebi = mebi / sector_size, step = 8;
    const fs::BlockRun usable = fs::usable_blocks(plan.scheme, sectors, sector_size);
    const std::uint64_t end = (usable.first.value() + usable.blocks) / step * step;
    std::uint64_t fixed = 0;
    for (const NewSystem& system : plan.systems) {
        fixed += system.bytes / sector_size;
    }
    std::uint64_t at = per_mebi;
    if (end < at || fixed > end - at) {
        return std::nullopt;
    }
    std::vector<fs::NewPartition> parts;
    for (const NewSystem& system : plan.systems) {
        const std::uint64_t blocks =
            system.bytes != 0 ? system.bytes / sector_size : end - per_mebi - fixed;
        if (blocks == 0) {
            return std::nullopt;
        }
        parts.push_back({{fs::BlockIndex(at), blocks},
                         system.format == Format::fat ? fs::PartitionKind::fat
                                                      : fs::PartitionKind::linux_data});
        at += blocks;
    }
    return parts;
}

std::string make_table(ImageFile& image, const Plan& plan,
                       const std::vector<fs::NewPartition>& parts) {
    std::array<std::byte, sector_size> block{};
    Status made = fs::make_partition_table(image, block, plan.scheme, parts, new_identity());
    if (!made) {
        return made.error() == Errc::invalid_argument ? "such a table has no room for so many parts"
                                                      : in_words(made.error());
    }
    made = image.read(fs::BlockIndex(0), block);
    std::ranges::copy(std::as_bytes(std::span(our_mark)), block.begin() + table_mark_at);
    made = made ? image.write(fs::BlockIndex(0), block) : made;
    return made ? std::string() : in_words(made.error());
}

/// All of it, in a file of the right size that holds nothing.
std::string fill(ImageFile& image, const Plan& plan) {
    if (plan.scheme == fs::PartitionScheme::none) {
        return make_system(image, plan.systems[0]);
    }
    const auto parts = layout(plan, image.block_count());
    if (!parts) {
        return "the parts do not fit";
    }
    if (std::string wrong = make_table(image, plan, *parts); !wrong.empty()) {
        return wrong;
    }
    for (std::size_t n = 0; n < parts->size(); ++n) {
        image.narrow((*parts)[n].run);
        if (std::string wrong = make_system(image, plan.systems[n]); !wrong.empty()) {
            return "part " + std::to_string(n + 1) + ": " + wrong;
        }
    }
    image.widen();
    return {};
}

/// A file beside the one that shall be, which takes its name when it is complete.
class Scratch {
public:
    explicit Scratch(const std::string& path) : path_(path + ".XXXXXX") {
        file_ = ::mkstemp(path_.data());
    }
    ~Scratch() {
        if (file_ >= 0) {
            ::close(file_);
            ::unlink(path_.c_str());
        }
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool resize(std::uint64_t bytes, mode_t mode) const {
        return file_ >= 0 && ::ftruncate(file_, static_cast<off_t>(bytes)) == 0 &&
               ::fchmod(file_, mode) == 0;
    }
    [[nodiscard]] bool become(const std::string& path) const {
        return ::rename(path_.c_str(), path.c_str()) == 0;
    }

private:
    std::string path_;
    int file_ = -1;
};

/// In the scratch file. Complains itself.
int make_in(const Scratch& scratch, const Plan& plan, const std::string& path,
            const std::string& from) {
    {
        ImageFile image;
        std::string wrong = image.open(scratch.path(), ImageFile::Use::change);
        wrong = wrong.empty() ? fill(image, plan) : wrong;
        if (!wrong.empty() || !image.store()) {
            return complain(path, wrong.empty() ? "the disk of this machine fails" : wrong);
        }
    }
    return from.empty() ? 0
                        : with_volume(scratch.path(), ImageFile::Use::change, true,
                                      [&](Volume& volume) { return put_contents(volume, from); });
}

}  // namespace

int make(const Arguments& arguments) {
    // The file behind a symbolic link is what is replaced.
    std::error_code error;
    const std::string name = arguments.rest[0];
    const auto real = std::filesystem::weakly_canonical(name, error);
    const std::string path = error ? name : real.string();
    std::optional<Plan> plan = plan_of(arguments);
    if (!plan || plan->systems.empty()) {
        return 2;
    }
    ImageFile old;
    struct stat info{};
    mode_t mode = 0644;
    if (::stat(path.c_str(), &info) == 0) {
        mode = info.st_mode & 0777U;
        if (const std::string wrong = old.open(path, ImageFile::Use::change); !wrong.empty()) {
            return complain(name, wrong);
        }
        if (!arguments.has("force") && !may_be_replaced(old)) {
            return complain(
                name, "it holds something that image make did not make; --force overwrites it");
        }
        plan->bytes = plan->bytes == 0 ? old.file_bytes() : plan->bytes;
    }
    plan->bytes = (plan->bytes == 0 ? default_bytes : plan->bytes) / sector_size * sector_size;
    const Scratch scratch(path);
    if (!scratch.resize(plan->bytes, mode)) {
        return complain(name, std::strerror(errno));
    }
    if (const int status = make_in(scratch, *plan, name, arguments.value("from", ""));
        status != 0) {
        return status;
    }
    return scratch.become(path) ? 0 : complain(name, std::strerror(errno));
}

}  // namespace kidney::image

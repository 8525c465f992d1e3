/// The commands that work on names.
#include "tools/disk/commands.hpp"
#include "tools/disk/complaint.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace kidney::image {
namespace {

using Use = ImageFile::Use;

class NameSink final : public fs::DirectorySink {
public:
    explicit NameSink(Listed& listed, const std::string& path) : listed_(listed), path_(path) {}
    [[nodiscard]] bool accept(const fs::DirectoryEntry& entry) noexcept override {
        if (entry.name == "." || entry.name == "..") {
            return true;
        }
        if (entry.name.empty() || entry.name.find('/') != std::string_view::npos ||
            entry.name.find('\0') != std::string_view::npos) {
            complain(path_, "it has a name that cannot be one: " + printable(entry.name));
            listed_.is_whole = false;
        } else {
            listed_.names.emplace_back(entry.name);
        }
        return true;
    }

private:
    Listed& listed_;
    const std::string& path_;
};

/// Does something with each path; all of them, whatever happens to one.
template <class Do>
int each_path(Volume& volume, const std::vector<std::string>& rest, std::size_t first, Do&& act) {
    int status = 0;
    for (std::size_t n = first; n < rest.size(); ++n) {
        if (const Status done = act(volume, rest[n]); !done) {
            status = complain(rest[n], in_words(done.error()));
        }
    }
    return status;
}

void print_name(const std::string& name) {
    const bool is_terminal = ::isatty(STDOUT_FILENO) != 0;
    const std::string text = is_terminal ? printable(name) : name;
    std::fwrite(text.data(), 1, text.size(), stdout);
}

char letter_of(fs::NodeType type) {
    constexpr std::array letters{'-', 'd', 'l', 'c', 'b', 'p', 's'};
    return letters[static_cast<std::size_t>(type)];
}

/// As ls -l does.
void print_attributes(const fs::Attributes& a) {
    std::string mode(1, letter_of(a.type));
    const std::uint32_t bits = a.permissions.bits();
    for (int n = 8; n >= 0; --n) {
        mode += (bits >> n & 1U) != 0 ? "xwr"[n % 3] : '-';
    }
    constexpr std::array<const char*, 3> special{"tT", "sS", "sS"};  // sticky, group, user
    for (std::size_t n = 0; n < 3; ++n) {
        if ((bits >> (9 + n) & 1U) != 0) {
            char& x = mode[9 - 3 * n];
            x = special[n][x == 'x' ? 0 : 1];
        }
    }
    const auto seconds = static_cast<std::time_t>(a.modified.seconds);
    std::tm date{};
    ::gmtime_r(&seconds, &date);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &date);
    std::printf("%s %3u %5u %5u %10" PRIu64 " %s ", mode.c_str(), a.links, a.uid, a.gid, a.size,
                text.data());
}

Result<std::string> target_of(Volume& volume, const fs::PathContext& at, const std::string& name) {
    std::array<char, fs::max_path> text{};
    const std::size_t size = TRY(volume.vfs().read_link(at, name, text));
    return std::string(text.data(), size);
}

class Lister {
public:
    Lister(Volume& volume, const Arguments& arguments)
        : volume_(volume), is_long_(arguments.has("long")), is_deep_(arguments.has("recursive")) {}

    int show(const std::string& path) {
        const auto place = volume_.vfs().place_at(volume_.at_root(), path, true);
        if (!place) {
            return complain(path, in_words(place.error()));
        }
        if (place->node->type() != fs::NodeType::directory) {
            return show_one(volume_.at_root(), path, path);
        }
        return show_directory(*place, path, "", 0);
    }

private:
    int show_one(const fs::PathContext& at, const std::string& name, const std::string& shown) {
        const auto attributes = volume_.vfs().attributes(at, name, false);
        if (!attributes) {
            return complain(shown, in_words(attributes.error()));
        }
        if (is_long_) {
            print_attributes(*attributes);
        }
        print_name(shown);
        if (is_long_ && attributes->type == fs::NodeType::symlink) {
            if (const auto target = target_of(volume_, at, name)) {
                std::fputs(" -> ", stdout);
                print_name(*target);
            }
        }
        std::fputc('\n', stdout);
        return 0;
    }
    int show_directory(const fs::Place& directory, const std::string& path,
                       const std::string& prefix, unsigned level) {
        const auto listed = names_in(volume_, directory, path);
        if (!listed || level == most_levels) {
            return complain(path, listed ? "there is no end to it" : in_words(listed.error()));
        }
        int status = listed->is_whole ? 0 : 1;
        for (const std::string& name : listed->names) {
            status |= show_one(volume_.at(directory), name, prefix + name);
            if (is_deep_) {
                const auto place = volume_.vfs().place_at(volume_.at(directory), name, false);
                if (place && place->node->type() == fs::NodeType::directory) {
                    status |=
                        show_directory(*place, below(path, name), prefix + name + "/", level + 1);
                }
            }
        }
        return status;
    }

    Volume& volume_;
    const bool is_long_, is_deep_;
};

Status make_directory(Volume& volume, const std::string& path, bool with_parents) {
    const fs::NewNode directory{.type = fs::NodeType::directory,
                                .permissions = fs::Permissions(0755)};
    for (std::size_t at = 1; with_parents && at < path.size(); ++at) {
        if (path[at] != '/') {
            continue;
        }
        const Status made = volume.vfs().make_node(volume.at_root(), path.substr(0, at), directory);
        if (!made && made.error() != Errc::exists) {
            return made;
        }
    }
    const Status made = volume.vfs().make_node(volume.at_root(), path, directory);
    if (!made && made.error() == Errc::exists && with_parents) {
        const fs::Place there = TRY(volume.vfs().place_at(volume.at_root(), path, true));
        return there.node->type() == fs::NodeType::directory ? Status() : made;
    }
    return made;
}

/// Removes what is in a directory, and then the directory.
class Remover {
public:
    explicit Remover(Volume& volume) : volume_(volume) {}

    Status remove(const fs::PathContext& at, const std::string& name, const std::string& path,
                  unsigned level = 0) {
        const Status removed = volume_.vfs().unlink(at, name);
        if (removed || removed.error() != Errc::is_directory) {
            return removed;
        }
        if (level == most_levels) {
            return fail(Errc::too_many_symlinks);
        }
        {
            const fs::Place directory = TRY(volume_.vfs().place_at(at, name, false));
            const Listed listed = TRY(names_in(volume_, directory, path));
            for (const std::string& inner : listed.names) {
                TRY(remove(volume_.at(directory), inner, below(path, inner), level + 1));
            }
        }
        return volume_.vfs().remove_directory(at, name);
    }

private:
    Volume& volume_;
};

/// Where something goes that is to be called `path`, or to be in the directory of that name.
std::string into(Volume& volume, const std::string& path, const std::string& source) {
    const auto place = volume.vfs().place_at(volume.at_root(), path, true);
    const bool is_directory = place && place->node->type() == fs::NodeType::directory;
    return is_directory ? below(path, last_of(source)) : path;
}

}  // namespace

std::string below(const std::string& path, const std::string& name) {
    return path.empty() || path.back() == '/' ? path + name : path + "/" + name;
}

std::string last_of(const std::string& path) {
    const std::size_t end = path.find_last_not_of('/');
    if (end == std::string::npos) {
        return "/";
    }
    const std::size_t slash = path.find_last_of('/', end);
    return path.substr(slash == std::string::npos ? 0 : slash + 1,
                       end - (slash == std::string::npos ? 0 : slash + 1) + 1);
}

Result<Listed> names_in(Volume& volume, const fs::Place& directory, const std::string& path) {
    Listed listed;
    const auto file =
        TRY(volume.vfs().open(volume.at(directory), ".", {.mode = {.read = true}}, {}));
    NameSink sink(listed, path);
    TRY(file->read_directory(sink));
    std::ranges::sort(listed.names);
    return listed;
}

int list(const Arguments& arguments) {
    return with_volume(arguments.rest[0], Use::look, false, [&](Volume& volume) {
        Lister lister(volume, arguments);
        int status = arguments.rest.size() > 1 ? 0 : lister.show("/");
        for (std::size_t n = 1; n < arguments.rest.size(); ++n) {
            status |= lister.show(arguments.rest[n]);
        }
        return status;
    });
}

int make_directories(const Arguments& arguments) {
    return with_volume(arguments.rest[0], Use::change, false, [&](Volume& volume) {
        return each_path(volume, arguments.rest, 1, [&](Volume& v, const std::string& path) {
            return make_directory(v, path, arguments.has("parents"));
        });
    });
}

int remove(const Arguments& arguments) {
    return with_volume(arguments.rest[0], Use::change, false, [&](Volume& volume) {
        return each_path(volume, arguments.rest, 1, [&](Volume& v, const std::string& path) {
            return arguments.has("recursive") ? Remover(v).remove(v.at_root(), path, path)
                                              : v.vfs().unlink(v.at_root(), path);
        });
    });
}

int move(const Arguments& arguments) {
    return with_volume(arguments.rest[0], Use::change, false, [&](Volume& volume) {
        const std::string& from = arguments.rest[1];
        const std::string to = into(volume, arguments.rest[2], from);
        const Status moved = volume.vfs().rename(volume.at_root(), from, volume.at_root(), to);
        return moved ? 0 : complain(from + " to " + to, in_words(moved.error()));
    });
}

int link(const Arguments& arguments) {
    return with_volume(arguments.rest[0], Use::change, false, [&](Volume& volume) {
        const std::string& old = arguments.rest[1];
        const std::string name = into(volume, arguments.rest[2], old);
        const Status linked =
            arguments.has("symbolic")
                ? volume.vfs().make_node(volume.at_root(), name,
                                         {.type = fs::NodeType::symlink,
                                          .permissions = fs::Permissions(0777),
                                          .target = old})
                : volume.vfs().link(volume.at_root(), old, volume.at_root(), name, false);
        return linked ? 0 : complain(name, in_words(linked.error()));
    });
}

int change_permissions(const Arguments& arguments) {
    const auto bits = static_cast<std::uint16_t>(std::stoul(arguments.rest[1], nullptr, 8));
    return with_volume(arguments.rest[0], Use::change, false, [&](Volume& volume) {
        return each_path(volume, arguments.rest, 2, [&](Volume& v, const std::string& path) {
            return v.vfs().change(v.at_root(), path, true, {.permissions = fs::Permissions(bits)},
                                  false);
        });
    });
}

}  // namespace kidney::image

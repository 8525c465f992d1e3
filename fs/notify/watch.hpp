/// One node watched for one queue, and all that watch one node.
#pragma once

#include "fs/notify/change_queue.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/change_listener.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <cstdint>
#include <utility>

namespace kidney::fs {

/// What a watch wants to hear.
struct WatchRule {
    Change wanted{};
    bool one_shot = false;          ///< ends with the first
    bool named_files_only = false;  ///< nothing of open files whose name is gone
};

template <class S>
class WatchedNode;
template <class S>
class ChangeFile;

/// All of it is guarded by the service's lock.
template <class S>
class Watch {
public:
    Watch(WatchedNode<S>& watched, ChangeFile<S>& told, std::int32_t n, const WatchRule& r,
          Share paid) noexcept
        : node(watched), file(told), number(n), rule(r), share(std::move(paid)) {}

    WatchedNode<S>& node;
    ChangeFile<S>& file;
    const std::int32_t number;
    WatchRule rule;
    Share share;
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        in_node;
    boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        in_file;
    struct KeyOf {
        using type = std::int32_t;
        type operator()(const Watch& watch) const noexcept { return watch.number; }
    };
};

/// A reference to a node that is no use of its file system.
class KeptNode {
public:
    KeptNode() noexcept = default;
    explicit KeptNode(Vnode& node) noexcept : node_(Ref<Vnode>::share(node)) {
        node.file_system().count_watch(1);
    }
    KeptNode(KeptNode&& other) noexcept = default;
    KeptNode& operator=(KeptNode&& other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~KeptNode() { reset(); }
    void reset() noexcept {
        if (node_) {
            node_->file_system().count_watch(-1);
            node_.reset();
        }
    }

private:
    Ref<Vnode> node_;
};

/// Known to the service as long as it has watches. All of it is guarded by the service's lock.
template <class S>
class WatchedNode {
public:
    using Watches = boost::intrusive::list<
        Watch<S>,
        boost::intrusive::member_hook<Watch<S>, decltype(Watch<S>::in_node), &Watch<S>::in_node>,
        boost::intrusive::constant_time_size<false>>;

    explicit WatchedNode(Vnode& watched) noexcept
        : node(watched), file_system(watched.file_system()), kept(watched) {}

    Vnode& node;  ///< for others than `kept` an address, which may be at its very end
    FileSystem& file_system;
    KeptNode kept;  ///< null: it has no name, and ends with its last user
    Watches watches;
    boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        in_service;
    struct KeyOf {
        using type = const Vnode*;
        type operator()(const WatchedNode& watched) const noexcept { return &watched.node; }
    };
};

}  // namespace kidney::fs

/* xv6's file system (kernel/fs.c, log.c, bio.c) without xv6 around it: one process, whose locks are
 * free, and calls for xv6_store.cpp. Its system calls are not used, because they want a kernel. */
/* They need each other in this order. */
/* clang-format off */
#include "types.h"
#include "riscv.h"
#include "param.h"
#include "spinlock.h"
#include "sleeplock.h"
#include "stat.h"
#include "proc.h"
#include "fs.h"
#include "buf.h"
#include "file.h"
#include "defs.h"
/* clang-format on */

#include "xv6_calls.h"

void abort(void);

enum { blocks = 256 * 1024, inodes = 12000, transaction_blocks = (MAXOPBLOCKS - 1 - 1 - 2) / 2 };

void acquire(struct spinlock* lock) {}
void release(struct spinlock* lock) {}
void initlock(struct spinlock* lock, char* name) {}
void initsleeplock(struct sleeplock* lock, char* name) {
    lock->locked = 0;
}
void acquiresleep(struct sleeplock* lock) {
    lock->locked = 1;
}
void releasesleep(struct sleeplock* lock) {
    lock->locked = 0;
}
int holdingsleep(struct sleeplock* lock) {
    return lock->locked;
}
void sleep(void* what, struct spinlock* lock) {
    abort();
}
void wakeup(void* what) {}
struct proc* myproc(void) {
    return 0;
}
void panic(char* why) {
    abort();
}
int either_copyout(int is_user, uint64 to, void* from, uint64 length) {
    memmove((void*)to, from, (uint)length);
    return 0;
}
int either_copyin(void* to, int is_user, uint64 from, uint64 length) {
    memmove(to, (void*)from, (uint)length);
    return 0;
}
void virtio_disk_rw(struct buf* b, int writes) {
    if (writes) {
        xv6_disk_write(b->blockno, b->data);
    } else {
        xv6_disk_read(b->blockno, b->data);
    }
}

void xv6_format(void) {
    static uchar block[BSIZE];
    const uint log_start = 2, inode_start = log_start + LOGSIZE;
    const uint map_start = inode_start + inodes / IPB + 1, data = map_start + blocks / BPB + 1;
    struct superblock super = {FSMAGIC, blocks,    blocks - data, inodes,
                               LOGSIZE, log_start, inode_start,   map_start};
    memset(block, 0, BSIZE);
    memmove(block, &super, sizeof super);
    xv6_disk_write(1, block);
    /* The root: its names are in the first block of data. */
    memset(block, 0, BSIZE);
    struct dinode* root = (struct dinode*)block + ROOTINO;
    root->type = T_DIR;
    root->nlink = 1;
    root->size = BSIZE;
    root->addrs[0] = data;
    xv6_disk_write(inode_start, block);
    memset(block, 0, BSIZE);
    struct dirent* names = (struct dirent*)block;
    names[0].inum = names[1].inum = ROOTINO;
    names[0].name[0] = names[1].name[0] = names[1].name[1] = '.';
    xv6_disk_write(data, block);
    memset(block, 0, BSIZE);
    for (uint b = 0; b <= data; b++) {
        block[b / 8] |= (uchar)(1u << b % 8);
    }
    xv6_disk_write(map_start, block);
}
void xv6_mount(void) {
    static int is_ready;
    if (!is_ready) {
        binit();
        iinit();
        is_ready = 1;
    }
    /* What the buffers hold is of the disk before: all of them get something that nobody needs. */
    for (uint n = 0; n < NBUF + 4; n++) {
        brelse(bread(ROOTDEV + 1, blocks - 1 - n));
    }
    fsinit(ROOTDEV);
}
struct inode* xv6_open(const char* path) {
    begin_op();
    struct inode* node = namei((char*)path);
    end_op();
    return node;
}
void xv6_close(struct inode* node) {
    begin_op();
    iput(node);
    end_op();
}
/* 0: there is one, no room, or no such directory. */
struct inode* xv6_create(const char* path, int is_directory) {
    char name[DIRSIZ];
    struct inode* node = 0;
    begin_op();
    struct inode* above = nameiparent((char*)path, name);
    if (above) {
        ilock(above);
        struct inode* there = dirlookup(above, name, 0);
        if (there) {
            iput(there);
        } else if ((node = ialloc(ROOTDEV, is_directory ? T_DIR : T_FILE)) != 0) {
            ilock(node);
            node->nlink = 1;
            iupdate(node);
            if (is_directory) {
                dirlink(node, ".", node->inum);
                dirlink(node, "..", above->inum);
                above->nlink++;
                iupdate(above);
            }
            dirlink(above, name, node->inum);
            iunlock(node);
        }
        iunlockput(above);
    }
    end_op();
    return node;
}
int xv6_read(struct inode* node, uint at, void* to, uint length) {
    ilock(node);
    const int done = readi(node, 0, (uint64)to, at, length);
    iunlock(node);
    return done;
}
/* As many transactions as it takes. */
int xv6_write(struct inode* node, uint at, const void* from, uint length) {
    const uint most = transaction_blocks * BSIZE;
    uint done = 0;
    while (done < length) {
        const uint part = length - done < most ? length - done : most;
        begin_op();
        ilock(node);
        const int written = writei(node, 0, (uint64)from + done, at + done, part);
        iunlock(node);
        end_op();
        if (written != (int)part) {
            return -1;
        }
        done += part;
    }
    return (int)done;
}
uint xv6_size(struct inode* node) {
    ilock(node);
    const uint size = node->size;
    iunlock(node);
    return size;
}
static int forget_name(const char* path) {
    char name[DIRSIZ];
    struct dirent nothing = {0};
    uint at = 0;
    struct inode* above = nameiparent((char*)path, name);
    if (above == 0) {
        return -1;
    }
    ilock(above);
    struct inode* node = dirlookup(above, name, &at);
    if (node != 0) {
        writei(above, 0, (uint64)&nothing, at, sizeof nothing);
    }
    iunlockput(above);
    if (node == 0) {
        return -1;
    }
    ilock(node);
    node->nlink--;
    iupdate(node);
    iunlockput(node);
    return 0;
}
int xv6_unlink(const char* path) {
    begin_op();
    const int done = forget_name(path);
    end_op();
    return done;
}
/* Another name, and the old one goes; in one transaction, which xv6 has no call for. */
int xv6_rename(const char* from, const char* to) {
    char name[DIRSIZ];
    int done = -1;
    begin_op();
    struct inode* node = namei((char*)from);
    struct inode* above = node ? nameiparent((char*)to, name) : 0;
    if (above) {
        ilock(node);
        node->nlink++;
        iupdate(node);
        iunlock(node);
        ilock(above);
        done = dirlink(above, name, node->inum);
        iunlockput(above);
        done = done < 0 ? done : forget_name(from);
    }
    if (node) {
        iput(node);
    }
    end_op();
    return done;
}
/* -1: no such directory. */
int xv6_list(const char* path) {
    struct dirent entry;
    int count = 0;
    struct inode* node = xv6_open(path);
    if (node == 0) {
        return -1;
    }
    ilock(node);
    for (uint at = 0; at < node->size; at += sizeof entry) {
        readi(node, 0, (uint64)&entry, at, sizeof entry);
        count += entry.inum != 0;
    }
    iunlock(node);
    xv6_close(node);
    return count - 2;
}

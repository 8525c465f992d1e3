/* What xv6_store.cpp asks of xv6's file system, and what that asks of a disk. */
#pragma once

struct inode;

/* Blocks of 1 KiB. Defined by xv6_store.cpp. */
void xv6_disk_read(unsigned block, void* to);
void xv6_disk_write(unsigned block, const void* from);

void xv6_format(void);
void xv6_mount(void);
struct inode* xv6_open(const char* path);
struct inode* xv6_create(const char* path, int is_directory);
void xv6_close(struct inode* node);
int xv6_read(struct inode* node, unsigned at, void* to, unsigned length);
int xv6_write(struct inode* node, unsigned at, const void* from, unsigned length);
unsigned xv6_size(struct inode* node);
int xv6_unlink(const char* path);
int xv6_rename(const char* from, const char* to);
int xv6_list(const char* path);

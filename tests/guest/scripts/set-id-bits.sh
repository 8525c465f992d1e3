# Who else writes to a set-user-ID file makes it an ordinary one.
chmod 755 .
other() { su nobody -s /bin/sh -c "$1"; }
echo hi > f; chmod 6777 f; echo root >> f; stat -c %a f; other 'echo more >> f'; stat -c %a f
chmod 6777 f; other ': > f'; stat -c %a f; chmod 6777 f; other ': >> f'; stat -c %a f
other 'truncate -s 1 f'; stat -c %a f
chmod 6777 f; other 'dd if=/dev/zero of=f bs=1 count=1 conv=notrunc 2> /dev/null'; stat -c %a f
chmod 2767 f; other 'cat /etc/passwd > f'; stat -c %a f
mkdir -m 777 d; other 'touch d/m; chmod 6755 d/m; stat -c %a d/m; echo x >> d/m; stat -c %a d/m'
chmod 6755 d/m; chown 0:0 d/m; stat -c %a d/m

# tar: create, list, extract, compress, links and modes kept.
mkdir -p src/sub; echo file1 > src/a; echo file2 > src/sub/b; ln -s a src/link; chmod 750 src/a; ln src/a src/hard
seq 1 5000 > src/big
tar cf t.tar src/a src/sub src/link src/big; tar tf t.tar
mkdir out; tar xf t.tar -C out; cat out/src/a out/src/sub/b; readlink out/src/link; cmp src/big out/src/big && echo same
ls -l out/src/a | cut -c1-10
tar czf t.tgz src/big src/a; tar tzf t.tgz; mkdir z; tar xzf t.tgz -C z; md5sum < z/src/big
tar cf - src/sub | (mkdir piped; cd piped; tar xf -); cat piped/src/sub/b
tar xf t.tar -O src/a; tar tf t.tar src/a; tar xf nofile.tar 2>/dev/null; echo $?

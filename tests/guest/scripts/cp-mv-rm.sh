# Copying, moving, removing trees.
mkdir -p a/b/c; echo 1 > a/1; echo 2 > a/b/2; echo 3 > a/b/c/3; ln -s 1 a/l
cp -r a x; find x | sort; cp -a a y; readlink y/l; cp a/1 a/b; ls a/b; cp a/1 a/b/2 x; ls x; cp a nowhere 2>/dev/null; echo $?
mv x z; ls; mv z/1 z/one; mv z/one z/b; find z | sort; mv nofile q 2>/dev/null; echo $?; echo old > o; echo new > n; mv n o; cat o
rm a/1; rm a 2>/dev/null; echo $?; rm -r a; ls; rm nofile 2>/dev/null; echo $?; rm -f nofile; echo $?; rmdir y 2>/dev/null; echo $?; rm -rf y z; ls
mkdir e; rmdir e; mkdir -p p/q/r; rmdir -p p/q/r; ls; cp o o2; cmp o o2 && echo same; install -m 755 o i; ls -l i | cut -c1-10; touch -c none; ls none 2>/dev/null; echo $?
head -c 200000 /dev/zero > big; cp big big2; cmp big big2 && echo big same; mkdir d1; mv o o2 i d1; ls d1; cp -r d1 d1/ 2>/dev/null; echo ends

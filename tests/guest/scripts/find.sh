# find: tests, actions, depth. Its order is the file system's, so everything is sorted.
mkdir -p t/a/b t/c; echo 1 > t/a/one.txt; echo 22 > t/a/b/two.txt; : > t/c/empty; ln -s ../a t/c/link
chmod 755 t/a/one.txt
find t | sort
find t -type f | sort; find t -type d | sort; find t -type l
find t -name '*.txt' | sort; find t -iname 'ONE*'
find t -type f -size -1 | sort; find t -type f -perm 755
find t -maxdepth 1 | sort; find t -mindepth 2 -type f | sort
find t -name '*.txt' -exec cat {} \; | sort
find t -type f ! -name '*.txt'; find t -name one.txt -o -name empty | sort
find t -name '*.txt' -print0 | xargs -0 -n 1 echo | sort
find t -type f -exec wc -c {} + | sort
find t -depth -type f -name 't*' -exec rm {} \;; find t -depth | tail -n 1; find t -type f | sort
find nowhere 2>/dev/null; echo $?

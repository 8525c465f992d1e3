# Modes and umask as ls shows them.
m() { ls -ld "$1" | cut -c1-10; }
touch f; mkdir d; m f; m d; chmod 600 f; m f; chmod u+x,g+r f; m f; chmod a=r f; m f; chmod o-r f; m f; chmod 4755 f; m f; chmod g+s d; m d; chmod 1777 d; m d
umask; umask 077; touch g; m g; mkdir e; m e; umask 000; touch h; m h; umask u=rwx,g=rx,o=; umask; touch i; m i
chmod -R 700 d; m d; chmod 644 nofile 2>/dev/null; echo $?; echo 'echo ran' > s; chmod 755 s; ./s; chmod 644 s; ./s 2>/dev/null; echo $?
chmod +x s; m s; stat -c '%a %F' s d; [ -x s ] && echo executable; chmod =s f 2>/dev/null; chmod 0 f; m f

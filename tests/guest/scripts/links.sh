# Hard and symbolic links.
echo content > f; ln f h; ln -s f s; ln -s nowhere b; ls; cat h s; readlink s; readlink b; echo more >> h; cat f
rm f; cat h; cat s 2>/dev/null; echo $?; mv h f; cat s; mkdir d; ln -s ../f d/up; cat d/up; ln -s d ld; ls ld; cat ld/up; ln -sf other s; readlink s
ln f f2; test f -ef f2 && echo same; rm f2; ln -s loop loop; cat loop 2>/dev/null; echo $?; readlink -f ld/up | sed 's|.*/||'; cp -P s cs; readlink cs; ls -F | sort; rm ld; ls d
ln f d; ls d; ln -s a b 2>/dev/null; echo $?; ls -l f | awk '{print $2}'; realpath ld 2>/dev/null | wc -l; (cd d; basename "$(readlink up)"; dirname "$(readlink up)")

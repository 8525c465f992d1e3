# mv: what may take the place of what, and what moves into what.
mkdir d1 d2 d3; : > d2/x; echo f > f; echo g > g
mv -T d1 d2 ; echo $?; mv -T d1 d3; echo $?; ls; mv d3 d2/; ls d2; mv d2 d2/d3; echo $?; mv f g; cat g; mv g g; echo $?; ln g h; mv g h; echo $?; ls g h; mv d2 g; echo $?; mv g d2; ls d2; mv d2/g d2/x; ls d2; cat d2/x
ln -s d2 l; mv l m; readlink m; mv d2/x .; mv x m; ls d2; mv -n d2/x d2/x; mv -i d2/nothere . ; echo $?
mkdir -p a/b/c; mv a a/b/c; echo $?; mv a/b/c a; ls a; mv a/c a/b; find a | sort; mv . x; echo $?; mv .. x; echo $?; mv a/. x; echo $?
: > s1; : > s2; stat -c %h s1; ln s1 s3; stat -c %h s1; mv s2 s3; stat -c %h s1; mv "s1" "s 1"; ls s*

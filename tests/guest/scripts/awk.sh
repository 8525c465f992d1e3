# awk: fields, patterns, arrays, functions, floating point, printf, getline.
printf 'anna 30 1.5\nbob 25 2.25\ncarl 41 0.125\n' > f
awk '{print $1, $NF}' f; awk '$2>28' f; awk 'END{print NR}' f
awk '{s+=$3; p*=1} END{printf "%.4f %d\n", s, NR}' f
awk 'BEGIN{for(i=0;i<5;i++) a[i]=i*i; for(i=4;i>=0;i--) printf "%d ", a[i]; print ""}'
awk -F: '{print $1":"$3}' /etc/passwd | head -n 1
awk 'function f(n){return n<2?n:f(n-1)+f(n-2)} BEGIN{print f(15)}'
awk '{print length($1), toupper($1), substr($1,2,2), index($1,"n")}' f
awk 'BEGIN{x="a-b-c"; n=split(x,p,"-"); print n,p[1],p[3]; gsub("-","+",x); print x}'
awk 'BEGIN{printf "%5d|%-5d|%05d|%x|%o|%c|%e|%g|%s|%%\n",42,42,42,255,8,65,12345.678,0.0001,"s"}'
awk 'BEGIN{print int(-3.7), 7%3, 7/2, 1e6, 1e-5, 100000*100000, 0.1+0.2, 1/3}'
awk 'BEGIN{while(("seq 1 3" | getline l)>0) print "got",l}'
awk 'NR==2,NR==3{print FNR": "$0}' f; awk '/^b/{print "B"; next}{print "-"}' f
echo 'a b c' | awk '{$2="X"; print; print NF}'
awk 'BEGIN{exit 3}'; echo $?
awk -v n=5 'BEGIN{print n*2}'; seq 1 10000 | awk '{s+=$1*0.1}END{print s}'

# awk that writes files, runs commands, sorts and counts.
seq 1 20 | awk '{print > ($1%2 ? "odd" : "even")}'; paste -sd, odd; paste -sd, even; awk 'BEGIN{print "b\na\nc" | "sort"; close("sort"); print "after"}'; awk 'BEGIN{system("echo from system"); r=system("exit 3"); print r}'; awk 'BEGIN{"echo hi" | getline x; print x; while((getline l < "odd")>0) n++; print n}'; printf 'a b\nc d\n' | awk 'BEGIN{FS=" ";OFS="-"}{$1=$1}1'; awk 'BEGIN{printf "%s\n", "x" > "/dev/stderr"}' 2>&1; echo 'k1=v1;k2=v2' | awk -F'[=;]' '{for(i=1;i<NF;i+=2)print $i,$(i+1)}'
echo 'the quick the lazy the end' | awk '{for(i=1;i<=NF;i++)c[$i]++}END{for(w in c)print c[w],w}' | sort; awk 'function g(a,n,  i,j,t){for(i=1;i<=n;i++)for(j=i+1;j<=n;j++)if(a[j]<a[i]){t=a[i];a[i]=a[j];a[j]=t}}BEGIN{n=split("5 3 9 1 7",a);g(a,n);for(i=1;i<=n;i++)printf "%d ",a[i];print ""}'; awk 'BEGIN{if(!("x" in a))print "no";a["x"];if("x" in a)print "yes";delete a["x"];print length(a)}'; awk 'BEGIN{print substr("hello",0,2),substr("hello",4,9),match("foobar","o+"),RSTART,RLENGTH,tolower("ABC"),sprintf("%03d",7)}'; printf '1 2\n3 4\n' | awk '{for(i=1;i<=NF;i++)m[NR,i]=$i}END{for(i=1;i<=2;i++){for(j=1;j<=2;j++)printf "%s ",m[j,i];print ""}}'; awk 'BEGIN{while(i++<3){if(i==2)continue;print i};do{i--}while(i>0);print i}'; seq 1 5 | awk 'NR%2==0'; awk 'BEGIN{RS="";FS="\n"}{print NR": "$1"/"NF}' <<END
a
b

c
END

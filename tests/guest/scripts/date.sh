# date from given seconds, and calendars: no clock is read.
export TZ=UTC; date -d @0; date -d @0 +%Y-%m-%dT%H:%M:%S; date -d @1000000000 '+%s %A %j %U %y %b %e %I %p'; date -d '2024-02-29 12:34:56' +%s; date -u -d @86399 +%T; date -R -d @0; date -I -d @100000
date -d @2147483647 +%F; date -d 'bad date' 2>/dev/null; echo $?; TZ=EST5EDT date -d @0 +%H:%M; cal 2 2024; date -d @0 +%%%n%t. ; touch -d '2020-01-02 03:04:05' f; date -r f '+%F %T'; stat -c %Y f; ls -l f | awk '{print $6,$7,$8}'

[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
perl <<'END'
my %h = (a => 1, b => 2);
print join(",", map {"$_=$h{$_}"} sort keys %h), " ", 2**0.5, " ", 10/3, "\n";
(my $s = "hello world") =~ s/(\w+)/\u$1/g; print "$s\n";
open(F, ">", "f") or die; print F "x\n" x 3; close F; print -s "f", "\n";
print `echo sub`; my $pid = fork; exit 7 if !$pid; waitpid($pid, 0); print $? >> 8, "\n";
pipe(R, W); if (!fork) { close R; print W "child\n"; exit } close W; print <R>; wait;
$SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select(undef, undef, undef, 30); print "end $^O\n";
my @a = map { ($_ * 7919) % 10007 } 1 .. 20000; my @b = sort { $a <=> $b } @a; print "$b[0] $b[-1]\n";
printf "%s %s\n", scalar(gmtime(0)), join ",", (stat("/etc/passwd"))[2, 3, 4];
open(G, "/nope") or print "$!\n";
END
(perl -e 'kill 9, $$'; echo $?) 2> /dev/null
printf '#!/usr/bin/perl -w\nprint "$0 @ARGV\\n"' > s; chmod +x s; ./s a b

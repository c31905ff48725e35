# Fills hashes, sorts by values, deletes.
my (%count, %back, $x);
$x = 1;
for my $i (1 .. 60000) {
    $x = ($x * 16807) % 2147483647;
    $count{"k" . $x % 4001} += $i;
    $back{$i % 1999}{$x % 7}++;
}
my @keys = sort { $count{$a} <=> $count{$b} || $a cmp $b } keys %count;
my $pairs = 0;
$pairs += keys %$_ for values %back;
delete @count{@keys[0 .. 999]};
print "$keys[0] $keys[-1] $pairs ", scalar(keys %count), "\n";

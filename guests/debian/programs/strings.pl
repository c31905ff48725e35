# Builds, cuts, turns and joins strings.
my ($text, $sum) = ("", 0);
for my $i (1 .. 60000) {
    $text .= chr(97 + $i * 7 % 26);
    next if $i % 3;
    my $part = reverse substr($text, -12);
    $sum += ord($part) + index($part, "e") + length(join "-", split //, $part);
}
print length($text), " $sum\n";

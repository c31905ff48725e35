# Looks for patterns in the lines of a file, and replaces.
my ($words, $numbers, $replaced, $last) = (0, 0, 0, "");
open my $file, "<", $ARGV[0] or die "$ARGV[0]: $!";
while (my $line = <$file>) {
    $words++ while $line =~ /\b[a-z_]+(?:ing|ed|er)\b/g;
    $numbers++ if $line =~ /(0x[0-9a-f]+|\d+)\s*(?:[,;)]|$)/i;
    $replaced += $line =~ s/([A-Z]+)_([A-Z]+)/$2_$1/g;
    $last = $1 if $line =~ /^#define\s+(\w+)\s+\S+$/;
}
print "$words $numbers $replaced $last\n";

//! The programs that are measured, and what they need.
//!
//! Each runs for about a second or a few in QEMU, does always the same, and prints little, so that
//! its output can be compared.

/// A program to measure.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// What people call it.
    pub name: &'static str,
    /// The line that the guest's shell is given.
    pub command: &'static str,
    /// The names of what has to be there before.
    needs: &'static [&'static str],
}

/// What is done once in a guest, before programs that need it are measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Preparation {
    /// What programs call it.
    pub name: &'static str,
    /// The line that the guest's shell is given.
    pub command: &'static str,
    /// What the line's here-document, up to a line END, says.
    pub text: Option<&'static str>,
}

/// The name of the guest's boot, which is measured as a program is.
pub const BOOT: &str = "boot";

/// All programs, in the order in which they run. The first is the guest's boot.
pub const PROGRAMS: &[Program] = &[
    program(BOOT, "", &[]),
    // Arithmetic in small loops.
    program(
        "openssl sha256",
        "openssl dgst -r -sha256 /tmp/bytes",
        &["bytes"],
    ),
    program(
        "openssl sha512",
        "openssl dgst -r -sha512 /tmp/bytes",
        &["bytes"],
    ),
    program(
        "openssl md5",
        "cat /tmp/bytes /tmp/bytes | openssl dgst -r -md5",
        &["bytes"],
    ),
    program(
        "openssl aes-256-cbc",
        "openssl enc -aes-256-cbc -K 00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef \
         -iv 000102030405060708090a0b0c0d0e0f -in /tmp/bytes | md5sum",
        &["bytes"],
    ),
    program(
        "md5sum",
        "cat /tmp/bytes /tmp/bytes /tmp/bytes /tmp/bytes | md5sum",
        &["bytes"],
    ),
    // Compressors: arithmetic, and tables that lie far apart.
    program("gzip -6", "gzip -n -6 </tmp/text | md5sum", &["text"]),
    program(
        "xz -3",
        "head -c 200000 /tmp/text | xz -3 | md5sum",
        &["text"],
    ),
    program(
        "bzip2",
        "head -c 500000 /tmp/text | bzip2 | md5sum",
        &["text"],
    ),
    program(
        "zstd -T4",
        "head -c 1500000 /tmp/text | zstd -q -T4 -B262144 | md5sum",
        &["text"],
    ),
    program(
        "pigz -p4",
        "head -c 2000000 /tmp/text | pigz -n -p4 | md5sum",
        &["text"],
    ),
    // Interpreters.
    program(
        "python fannkuch",
        "python3 -E -S /tmp/fannkuch.py",
        &["python", "fannkuch.py"],
    ),
    program(
        "python dicts",
        "python3 -E -S /tmp/dicts.py",
        &["python", "dicts.py"],
    ),
    program(
        "python methods",
        "python3 -E -S /tmp/methods.py",
        &["python", "methods.py"],
    ),
    program("perl strings", "perl /tmp/strings.pl", &["strings.pl"]),
    program("perl hashes", "perl /tmp/hashes.pl", &["hashes.pl"]),
    program(
        "perl regex",
        "head -c 80000 /tmp/text >/tmp/part; perl /tmp/regex.pl /tmp/part",
        &["text", "regex.pl"],
    ),
    program(
        "awk",
        "head -c 2000000 /tmp/text | awk '{ for (i = 1; i <= NF; i++) n[$i]++ } \
         END { for (w in n) { s += n[w] * length(w); k++ } print k, s }'",
        &["text"],
    ),
    program("bc", "echo 'scale=450; 4*a(1)' | bc -l | md5sum", &[]),
    program(
        "sqlite3",
        "sqlite3 :memory: \"create table t(a integer primary key, b, c); with recursive n(i) as \
         (select 1 union all select i + 1 from n where i < 8000) insert into t \
         select i, i * 7919 % 10007, hex(i) from n; create index x on t(b); \
         select count(*), sum(c) from t where b between 100 and 5000; \
         select sum(u.a) from t join t u on t.b = u.a;\"",
        &[],
    ),
    // Shells: processes that come and go.
    program(
        "bash loop",
        "bash -c 'i=0; while ((i < 30000)); do ((i += 1)); done; echo $i'",
        &[],
    ),
    program(
        "dash exec",
        "sh -c 'i=0; while [ $i -lt 250 ]; do /bin/true; i=$((i + 1)); done; echo $i'",
        &[],
    ),
    program(
        "dash fork",
        "sh -c 'i=0; while [ $i -lt 600 ]; do ( : ); i=$((i + 1)); done; echo $i'",
        &[],
    ),
    program(
        "pipes",
        "seq 60000 | sort | uniq -c | awk '{ s += $1 * $2 } END { print s }'",
        &[],
    ),
    // The kernel: system calls, files, names.
    program(
        "dd 512",
        "dd if=/dev/zero of=/dev/null bs=512 count=300000 2>&1 | head -n 2",
        &[],
    ),
    program(
        "tar",
        "tar -cf - --sort=name --mtime=@0 /usr/include /usr/lib/python3.11 /usr/lib/gcc 2>/dev/null | md5sum",
        &[],
    ),
    program(
        "ls -lR",
        "for i in 1 2 3 4; do ls -lR --time-style=+ /bin /lib /usr; done | md5sum",
        &[],
    ),
    program(
        "find and grep",
        "find /usr/include /usr/lib/python3.11 -type f -print0 | sort -z | \
         xargs -0 grep -c 'define.*[0-9][0-9]' | md5sum",
        &[],
    ),
    // The compiler.
    program(
        "gcc -O1",
        "gcc -O1 -c /tmp/medium.c -o /tmp/medium.o && md5sum </tmp/medium.o",
        &["medium.awk", "medium.c"],
    ),
    program(
        "gcc -O2",
        "gcc -O2 -c /tmp/medium.c -o /tmp/medium.o && md5sum </tmp/medium.o",
        &["medium.awk", "medium.c"],
    ),
    program(
        "gcc small",
        "for i in 1 2 3 4; do gcc -O1 -DSEED=$i /tmp/small.c -o /tmp/small && /tmp/small; done",
        &["small.c"],
    ),
];

/// All preparations, in the order in which they are done.
pub const PREPARATIONS: &[Preparation] = &[
    preparation(
        "bytes",
        "cat /usr/lib/gcc/mipsel-linux-gnu/12/cc1 | head -c 16777216 >/tmp/bytes",
    ),
    preparation(
        "text",
        "find /usr/include /usr/lib/python3.11 -type f | sort | xargs cat | head -c 4194304 \
         >/tmp/text",
    ),
    // Python compiles its own modules when it first starts.
    preparation("python", "python3 -E -S -c 'print(1)'"),
    file(
        "medium.awk",
        "cat >/tmp/medium.awk <<'END'",
        include_str!("../../../guests/debian/programs/medium.awk"),
    ),
    preparation("medium.c", "awk -f /tmp/medium.awk >/tmp/medium.c"),
    file(
        "small.c",
        "cat >/tmp/small.c <<'END'",
        include_str!("../../../guests/debian/programs/small.c"),
    ),
    file(
        "fannkuch.py",
        "cat >/tmp/fannkuch.py <<'END'",
        include_str!("../../../guests/debian/programs/fannkuch.py"),
    ),
    file(
        "dicts.py",
        "cat >/tmp/dicts.py <<'END'",
        include_str!("../../../guests/debian/programs/dicts.py"),
    ),
    file(
        "methods.py",
        "cat >/tmp/methods.py <<'END'",
        include_str!("../../../guests/debian/programs/methods.py"),
    ),
    file(
        "strings.pl",
        "cat >/tmp/strings.pl <<'END'",
        include_str!("../../../guests/debian/programs/strings.pl"),
    ),
    file(
        "hashes.pl",
        "cat >/tmp/hashes.pl <<'END'",
        include_str!("../../../guests/debian/programs/hashes.pl"),
    ),
    file(
        "regex.pl",
        "cat >/tmp/regex.pl <<'END'",
        include_str!("../../../guests/debian/programs/regex.pl"),
    ),
];

const fn program(
    name: &'static str,
    command: &'static str,
    needs: &'static [&'static str],
) -> Program {
    Program {
        name,
        command,
        needs,
    }
}

const fn preparation(name: &'static str, command: &'static str) -> Preparation {
    Preparation {
        name,
        command,
        text: None,
    }
}

const fn file(name: &'static str, command: &'static str, text: &'static str) -> Preparation {
    Preparation {
        name,
        command,
        text: Some(text),
    }
}

/// The programs whose names match one of the `patterns`; all if there is none.
///
/// # Errors
/// The first pattern that is none, or that no name matches.
pub fn select(patterns: &[String]) -> Result<Vec<&'static Program>, String> {
    let mut parsed = Vec::new();
    for text in patterns {
        let pattern = glob::Pattern::new(text).map_err(|_| text.clone())?;
        if !PROGRAMS.iter().any(|p| pattern.matches(p.name)) {
            return Err(text.clone());
        }
        parsed.push(pattern);
    }
    let chosen =
        |program: &&Program| parsed.is_empty() || parsed.iter().any(|p| p.matches(program.name));
    Ok(PROGRAMS.iter().filter(chosen).collect())
}

/// The names of all programs, in one line.
#[must_use]
pub fn names() -> String {
    let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    names.join(", ")
}

/// What has to be done before these `programs` are measured.
#[must_use]
pub fn preparations(programs: &[&Program]) -> Vec<&'static Preparation> {
    let needs: Vec<&str> = programs.iter().flat_map(|p| p.needs).copied().collect();
    let needed = |preparation: &&Preparation| needs.contains(&preparation.name);
    PREPARATIONS.iter().filter(needed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(patterns: &[&str]) -> Vec<&'static str> {
        let patterns: Vec<_> = patterns.iter().map(|&p| p.to_owned()).collect();
        let programs = select(&patterns).unwrap();
        programs.into_iter().map(|program| program.name).collect()
    }

    #[test]
    fn programs_are_chosen_by_patterns() {
        assert_eq!(names(&[]).len(), PROGRAMS.len());
        assert_eq!(names(&["gcc -O?", "boot"]), ["boot", "gcc -O1", "gcc -O2"]);
        assert_eq!(names(&["python *"]).len(), 3);
        assert_eq!(
            select(&["boot".into(), "cobol".into()]),
            Err("cobol".into())
        );
        assert_eq!(select(&["a[".into()]), Err("a[".into()));
    }

    #[test]
    fn what_programs_need_is_done_before() {
        let prepared = |patterns: &[&str]| -> Vec<&str> {
            let patterns: Vec<_> = patterns.iter().map(|&p| p.to_owned()).collect();
            let preparations = preparations(&select(&patterns).unwrap());
            preparations.iter().map(|p| p.name).collect()
        };
        assert!(prepared(&["boot", "bc"]).is_empty());
        assert_eq!(prepared(&["gcc -O*"]), ["medium.awk", "medium.c"]);
        assert_eq!(prepared(&["perl regex"]), ["text", "regex.pl"]);
        for program in PROGRAMS {
            for need in program.needs {
                assert!(PREPARATIONS.iter().any(|p| p.name == *need), "{need}");
            }
        }
    }

    #[test]
    fn the_list_can_be_typed() {
        for (index, program) in PROGRAMS.iter().enumerate() {
            assert!(!PROGRAMS[..index].iter().any(|p| p.name == program.name));
            // A terminal's line is no longer than this.
            assert!(program.command.len() < 4000, "{}", program.name);
            assert!(!program.command.contains('\n'), "{}", program.name);
        }
        for preparation in PREPARATIONS {
            let text = preparation.text.unwrap_or("\n");
            assert!(text.ends_with('\n') && !text.lines().any(|line| line == "END"));
            // What is typed waits in the guest's kernel, which has no more room.
            assert!(text.len() < 4000, "{}", preparation.name);
            assert_eq!(
                preparation.command.contains("<<'END'"),
                preparation.text.is_some()
            );
        }
        assert_eq!(PROGRAMS[0].name, BOOT);
    }
}

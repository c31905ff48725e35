mod disks;
mod networks;

use super::*;
use crate::disk::{Access, Bus, Cache, DiskSpec, Format};
use crate::machine::kinds::CodeCache;
use crate::machine::table::Row;
use crate::machine::{
    At, ConsoleSpec, DiskSettings, EngineKind, Files, FolderSettings, NetSettings, RtcStart, Uses,
    said, tell_apart,
};
use std::path::PathBuf;

fn parse(text: &str) -> Result<MachineFile, SpecError> {
    MachineFile::parse("m.toml", Path::new("/there"), text)
}

/// The line for what is wrong with `text`, or with the machines that it describes.
fn error(text: &str) -> String {
    let error = parse(text).and_then(|read| {
        let mut files = Files::default();
        let mut machines = Vec::new();
        for settings in &read.machines {
            machines.extend(settings.machines(&mut files)?);
        }
        tell_apart(&machines)?;
        let mut uses = Uses::default();
        uses.consoles(&machines);
        uses.disks(&machines);
        uses.captures(&machines);
        uses.are_apart()?;
        read.monitor.spec(&machines)
    });
    let line = error.unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

fn with_serial(path: &str, serial: &str) -> DiskSpec {
    DiskSpec {
        serial: serial.to_owned(),
        ..DiskSpec::new(path.into())
    }
}

#[test]
fn all_that_can_be_said_can_be_written() {
    let read = parse(
        r#"
        [monitor]
        host-threads = 2
        machine-memory = "1G"
        swap = { path = "var", size = "4G" }
        control = "ctl"
        share-pages = false
        share-rate = 10
        jit-threads = 0
        code-cache = "/cache"

        [[vm]]
        name = "a"
        image = "sub/vmlinux"
        flat = 0x8010_0000
        big-endian = true
        disk = ["a.img", "'b,c.img',snapshot,bus=ide,serial=x-1"]
        engine = "lockstep"
        cpu = "4Kc"
        memory = 64
        initrd = "/initrd.gz"
        append = "console=ttyS0, quiet"
        rtc = 2026-02-01T00:00:00
        second-tlb = 64
        realtime = false
        script = "s.txt"
        limit = "300M"
        hot = 5
        region = 1
        jit-threads = 0
        stride = 1000
        cache-bytes = "1M"
        cache-unit = "64K"
        cache-policy = "least-used"
        code-cache = "cache"
        share = 200
        console = "socket:run/{n}"
        count = 3
        hypercalls = false

        [[vm]]
        flat = "0x80100000"
        disk = "/d.qcow2,readonly,format=qcow2,cache=unsafe,backing=base.img"
        rtc = "now"
        limit = 5
        "#,
    )
    .unwrap();
    let monitor = &read.monitor;
    assert_eq!(said(&monitor.host_threads), Some(2));
    assert_eq!(said(&monitor.machine_memory), Some(1 << 30));
    let value = |path: &Option<At<PathBuf>>| said(path).unwrap_or_default().display().to_string();
    assert_eq!(value(&monitor.swap_path), "/there/var");
    assert_eq!(said(&monitor.swap_size), Some(4 << 30));
    assert_eq!(value(&monitor.control), "/there/ctl");
    assert_eq!(said(&monitor.share_pages), Some(false));
    assert_eq!(
        (said(&monitor.share_rate), said(&monitor.jit_threads)),
        (Some(10), Some(0))
    );
    assert_eq!(
        said(&monitor.code_cache),
        Some(CodeCache::Folder("/cache".into()))
    );

    let [a, b] = read.machines.as_slice() else {
        panic!("{read:?}");
    };
    assert_eq!(a.name.as_ref().unwrap().value, "a");
    assert_eq!(value(&a.image), "/there/sub/vmlinux");
    assert_eq!(value(&a.initrd), "/initrd.gz");
    let disks = |machine: &Settings| machine.disks().unwrap();
    let [first, second] = disks(a).try_into().unwrap();
    assert_eq!(first, with_serial("/there/a.img", "disk0"));
    assert_eq!(
        second,
        DiskSpec {
            access: Access::Snapshot,
            bus: Bus::Ide,
            ..with_serial("/there/b,c.img", "x-1")
        }
    );
    assert_eq!(
        disks(b),
        [DiskSpec {
            access: Access::Read,
            format: Some(Format::Qcow2),
            cache: Cache::Unsafe,
            backing: Some("/there/base.img".into()),
            ..with_serial("/d.qcow2", "disk0")
        }]
    );
    assert_eq!(value(&a.script), "/there/s.txt");
    assert_eq!(a.flat.as_ref().unwrap().value.0, 0x8010_0000);
    assert_eq!(b.flat.as_ref().unwrap().value.0, 0x8010_0000);
    assert!(a.big_endian.as_ref().unwrap().value && !a.realtime.as_ref().unwrap().value);
    assert_eq!(said(&a.engine), Some(EngineKind::Lockstep));
    assert_eq!(said(&a.cpu).unwrap().name, "4Kc");
    assert_eq!(said(&a.memory).unwrap().bytes(), 64 << 20);
    assert_eq!(said(&a.append).as_deref(), Some("console=ttyS0, quiet"));
    assert_eq!(said(&a.rtc), Some(RtcStart::Fixed(1_769_904_000)));
    assert_eq!(said(&b.rtc), Some(RtcStart::Now));
    assert_eq!(
        (said(&a.limit), said(&b.limit)),
        (Some(300_000_000), Some(5))
    );
    assert_eq!(
        (said(&a.second_tlb), said(&a.hot), said(&a.region)),
        (Some(64), Some(5), Some(1))
    );
    assert_eq!(
        (said(&a.jit_threads), said(&a.stride)),
        (Some(0), Some(1000))
    );
    assert_eq!(
        (said(&a.cache_bytes), said(&a.cache_unit)),
        (Some(1 << 20), Some(64 << 10))
    );
    assert_eq!(
        said(&a.code_cache),
        Some(CodeCache::Folder("/there/cache".into()))
    );
    assert_eq!(
        (said(&a.share), said(&a.count), said(&a.hypercalls)),
        (Some(200), Some(3), Some(false))
    );
    let console = ConsoleSpec::Socket("/there/run/{n}".into());
    assert_eq!(a.console.as_ref().unwrap().value, console);
    assert_eq!(b.name, None);
}

#[test]
fn each_mistake_has_its_line_and_column() {
    for (text, line) in [
        (
            "[[vm]]\nmemroy = \"1M\"",
            "m.toml:2:1: unknown key memroy; did you mean memory?",
        ),
        (
            "[monitor]\nhost_threads = 1\n[[vm]]",
            "m.toml:2:1: unknown key host_threads; did you mean host-threads?",
        ),
        (
            "[monitor]\nswap = { sise = 1 }\n[[vm]]",
            "m.toml:2:10: unknown key swap.sise; did you mean swap.size?",
        ),
        (
            "[monitor]\nswap = \"1G\"\n[[vm]]",
            "m.toml:2:8: swap = \"1G\" is a string; write a table in braces",
        ),
        (
            "[monitor]\nswap.path = \"/\"\n[[vm]]",
            "m.toml:2:13: a swap file needs a size; write swap = { size = \"1G\" }",
        ),
        (
            "[[guest]]\n",
            "m.toml:1:3: unknown key guest; there are [monitor] and [[vm]]",
        ),
        (
            "[monitors]\n",
            "m.toml:1:2: unknown key monitors; did you mean monitor?",
        ),
        (
            "[vm]\nname = \"a\"",
            "m.toml:1:2: vm is a table; write [[vm]], once for each machine",
        ),
        (
            "vm = 1",
            "m.toml:1:6: vm = 1 is a whole number; write [[vm]]",
        ),
        (
            "vm = [1]",
            "m.toml:1:7: vm = 1 is a whole number; write [[vm]]",
        ),
        ("", "m.toml:1:1: has no machine; add a table [[vm]]"),
        (
            "[monitor]\n",
            "m.toml:2:1: has no machine; add a table [[vm]]",
        ),
        (
            "[[vm]]\nshare = \"2\"",
            "m.toml:2:9: share = \"2\" is a string; write a whole number",
        ),
        (
            "[[vm]]\nshare = 1.5",
            "m.toml:2:9: share = 1.5 is a fraction; write a whole number",
        ),
        (
            "[[vm]]\nname = 5",
            "m.toml:2:8: name = 5 is a whole number; write a string in quotes",
        ),
        (
            "[[vm]]\nrealtime = \"on\"",
            "m.toml:2:12: realtime = \"on\" is a string; write true or false",
        ),
        (
            "[[vm]]\nimage = [\n\"a\",\n]",
            "m.toml:2:9: image = [... is a list; write a string in quotes",
        ),
        (
            "[[vm]]\nshare = 0",
            "m.toml:2:9: share = \"0\": give a whole number from 1 to 10000",
        ),
        (
            "[[vm]]\nhot = -1",
            "m.toml:2:7: hot = \"-1\": give a whole number from 1 to 4294967295",
        ),
        (
            "[[vm]]\ncount = 1001",
            "m.toml:2:9: count = \"1001\": give a whole number from 1 to 1000",
        ),
        (
            "[[vm]]\nmemory = \"3G\"",
            "m.toml:2:10: memory = \"3G\": 3G is more than a Malta board can have; give 1M to 2G",
        ),
        (
            "[[vm]]\nengine = \"intrep\"",
            "m.toml:2:10: engine = \"intrep\": there are interp, jit and lockstep; did you mean interp?",
        ),
        (
            "[[vm]]\ncpu = \"R4000\"",
            "m.toml:2:7: cpu = \"R4000\": there are 4Kc, 24Kc, 24Kf and 5KEc-experimental",
        ),
        (
            "[[vm]]\nconsole = \"tty\"",
            "m.toml:2:11: console = \"tty\": a console is terminal, none, file:PATH or socket:PATH",
        ),
        (
            "[[vm]]\nname = \"a b\"",
            "m.toml:2:8: name = \"a b\": a name is 1 to 64 letters, digits, '-', '_' and '.', of \
             which the first is a letter or a digit",
        ),
        (
            "[[vm]]\n  image = \"kernel\"",
            "m.toml:2:11: /there/kernel: no such file; check the path",
        ),
        (
            "[[vm]]\nscript = \"s.txt\"",
            "m.toml:2:10: /there/s.txt: no such file; check the path",
        ),
        (
            "[[vm]]\n[[vm]]\ninitrd = \"/\"",
            "m.toml:3:10: an initrd needs a kernel; name an image",
        ),
        (
            "[[vm]]\nengine = \"lockstep\"\nrealtime = true",
            "m.toml:3:12: --engine lockstep compares engines in virtual time; leave out --realtime",
        ),
        (
            "[[vm]]\nname = \"a\"\n[[vm]]\nname = \"b\"\n[[vm]]\nname = \"a\"",
            "m.toml:6:8: \"a\" is the name of another machine as well (line 2); give each a name \
             of its own",
        ),
        (
            "[[vm]]\n[[vm]]\nname = \"tour\"",
            "m.toml:3:8: \"tour\" is the name of another machine as well (line 1); give each a \
             name of its own",
        ),
        (
            "[[vm]]\nname = \"a\"\ncount = 2\nconsole = \"file:/c\"",
            "m.toml:2:8: file:/c is the console of a-1 as well; name another one, or put {n} in it",
        ),
        (
            "[monitor]\ncontrol = \"sub/ctl\"\n[[vm]]",
            "m.toml:2:11: /there/sub: is no folder; make it or name another one",
        ),
    ] {
        assert_eq!(error(text), line, "{text}");
    }
}

#[test]
fn what_is_no_toml_is_told_by_its_place() {
    for (text, start) in [
        ("[[vm]]\nname = ", "m.toml:2:"),
        ("[[vm]]\nname = \"a\nshare = 1", "m.toml:2:"),
        ("[[vm]\n", "m.toml:1:"),
        ("[[vm]]\nname = \"a\"\nname = \"b\"", "m.toml:3:1: "),
        ("[[vm]]\nappend = \"\u{e9}\u{e9}\" x", "m.toml:2:15: "),
    ] {
        let line = error(text);
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn what_is_no_text_is_told_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.toml");
    std::fs::write(&path, b"[[vm]]\nname = \"\xff\"").unwrap();
    let line = MachineFile::open(&path).unwrap_err().to_string();
    assert!(
        line.ends_with("m.toml:2:9: is not UTF-8 text; write the file anew"),
        "{line}"
    );
    let line = MachineFile::open(Path::new("/no/m.toml"))
        .unwrap_err()
        .to_string();
    assert_eq!(line, "/no/m.toml: no such file; check the path");
}

#[test]
fn the_file_that_is_documented_is_one() {
    let page = include_str!("../../../docs/machine-file.md");
    let example = page.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let read = parse(example).unwrap();
    assert!(read.machines.len() > 1 && !read.monitor.is_empty());
}

/// The keys of a table, as the page has them.
fn keys<S: Table>() -> String {
    let mut text = String::from("| key | meaning | value | default |\n|---|---|---|---|\n");
    for row in S::ROWS {
        let entry = &row.entry;
        let values = entry.allowed.in_words();
        let values = values.unwrap_or_else(|| entry.kind.wanted().to_owned());
        let (name, meaning, default) = (entry.name, entry.meaning(), entry.default);
        text += &format!("| `{name}` | {meaning} | {values} | {default} |\n");
    }
    text
}

/// Sees to it that the page at `path` has these tables of keys.
fn hold_page(path: &str, tables: &[String]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join(path)).unwrap();
    let tables = tables.iter().enumerate();
    let right = tables.fold(page.clone(), |page, (number, keys)| {
        with_keys(&page, number, keys)
    });
    if right != page {
        let new = root.join("target").join(path.replace('/', "-"));
        std::fs::write(&new, &right).unwrap();
        panic!("{path} is out of date: copy {}", new.display());
    }
}

/// `page` with its `number`th table of keys as it has to be.
fn with_keys(page: &str, number: usize, keys: &str) -> String {
    let (at, _) = page.match_indices("| key |").nth(number).unwrap();
    let old = page[at..].split("\n\n").next().unwrap();
    [&page[..at], keys, page[at + old.len() + 1..].as_ref()].concat()
}

#[test]
fn the_keys_that_are_documented_are_those_of_the_table() {
    let tables = [keys::<Settings>(), keys::<MonitorSettings>()];
    hold_page("docs/machine-file.md", &tables);
    hold_page("docs/disks.md", &[keys::<DiskSettings>()]);
    hold_page("docs/networks.md", &[keys::<NetSettings>()]);
    hold_page("docs/devices.md", &[keys::<FolderSettings>()]);
}

/// Sees to it that each default that is a value, as opposed to words, makes no difference to what
/// settings come to; answers how many there are.
fn hold_defaults<S: Table>(come_to: impl Fn(&S) -> String) -> usize {
    let is_value =
        |row: &&Row<S>| !row.entry.default.is_empty() && !row.entry.default.contains(' ');
    let rows = S::ROWS.iter().filter(is_value);
    rows.map(|row| {
        let mut settings = S::default();
        let default = Given::switch(OsStr::new(row.entry.default));
        row.set(&mut settings, &default).unwrap();
        assert_eq!(
            come_to(&settings),
            come_to(&S::default()),
            "{}",
            row.entry.name
        );
    })
    .count()
}

#[test]
fn the_defaults_that_are_told_are_those_that_hold() {
    let machines = hold_defaults(|settings: &Settings| {
        let mut machine = settings.machine(&mut Files::default()).unwrap();
        machine.forget_files();
        // What is absent here the engine adds.
        let engine = crate::engine::JitConfig::default();
        machine.baseline.get_or_insert(engine.baseline);
        format!("{machine:?}")
    });
    let disks = hold_defaults(|settings: &DiskSettings| format!("{:?}", settings.spec(0).unwrap()));
    assert!(disks > 3, "{disks}");
    let nets = hold_defaults(|settings: &NetSettings| {
        format!("{:?}", settings.spec(0, 0, &mut Files::default()).unwrap())
    });
    assert_eq!(nets, 1);
    let monitors =
        hold_defaults(|settings: &MonitorSettings| format!("{:?}", settings.spec(&[]).unwrap()));
    assert!(machines > 10 && monitors > 1, "{machines} {monitors}");
}

#[test]
fn no_two_settings_have_one_name() {
    fn names<S: Table>() -> Vec<&'static str> {
        S::ROWS.iter().map(|row| row.entry.name).collect()
    }
    for names in [names::<Settings>(), names::<MonitorSettings>()] {
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
        }
    }
}

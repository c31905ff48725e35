//! What is read from files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::cpu::model::MODELS;
use mirrorball_runtime::memory::machine::MachineMemory;
use mirrorball_runtime::vm::SavedVm;
use mirrorball_runtime::vm::host::Nowhere;
use tempfile::{NamedTempFile, TempDir};

use super::guest;
use crate::console::{Script, ScriptRunner};
use crate::engine::{Interpreter, Jit};
use crate::image::{MemorySize, PhysicalMemory, elf};
use crate::machine::file::MachineFile;
use crate::machine::short;
use crate::record::Record;
use crate::snapshot::{Saved, Snapshot};
use crate::{image, record, snapshot};

/// How far a machine runs that was loaded.
const INSTRUCTIONS: u64 = 2_000;

/// Memory that takes what fits.
struct Memory(MemorySize);

impl PhysicalMemory for Memory {
    fn write(&mut self, pa: Pa, bytes: &[u8]) {
        assert!(pa.0 + bytes.len() as u64 <= u64::from(self.0.low()));
    }
}

/// A kernel.
pub fn image(bytes: &[u8]) {
    let memory = MemorySize::of_bytes(16 << 20);
    if let (Ok(image), Some(memory)) = (elf::parse("image", bytes), memory) {
        let _ = image::load(&image, None, "", memory, &mut Memory(memory));
    }
}

/// A machine file, and a machine on the command line.
pub fn machines(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = MachineFile::parse("machines.toml", Path::new("/"), &text);
    let _ = short::parse(&text);
}

/// A script, and behind a zero what the guest prints.
pub fn script(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0);
    let (text, printed) = bytes.split_at(end.unwrap_or(bytes.len()));
    if let Ok(script) = Script::parse("script", &String::from_utf8_lossy(text)) {
        let (mut runner, _) = ScriptRunner::start(script);
        for &byte in printed {
            runner.output(byte);
        }
    }
}

fn file(bytes: &[u8]) -> Option<NamedTempFile> {
    let mut file = NamedTempFile::new().ok()?;
    file.write_all(bytes).ok()?;
    Some(file)
}

/// The index of a snapshot, whose checksum is right.
pub fn snapshot(index: &[u8]) {
    let file = file(&snapshot::with_index(index));
    let snapshot = file.and_then(|file| Snapshot::open(file.path()).ok());
    if let Some(snapshot) = snapshot {
        run(&snapshot, None);
    }
}

/// Runs a machine from a snapshot, with what reaches it from outside.
fn run(snapshot: &Snapshot, record: Option<&Record>) {
    // What a large machine needs beyond a small one, no test here needs.
    let small = snapshot.memory().bytes() <= 16 << 20;
    let memory = MachineMemory::new(snapshot.memory().bytes()).ok();
    let vm = memory
        .filter(|_| small)
        .map(|it| snapshot.load_in(Arc::new(it)));
    let (Some(Ok(mut vm)), Ok(mut engine)) = (vm, Interpreter::new()) else {
        return;
    };
    if let Some(record) = record {
        vm.replay(Box::new(record.arrivals()));
    }
    let limit = vm.cpu.retired().saturating_add(INSTRUCTIONS);
    vm.run(&mut engine, &mut Nowhere, limit);
}

/// The snapshot of a small machine.
pub(super) static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    let vm = guest::machine();
    if let Some(mut vm) = vm
        && let Ok(memory) = vm.view().freeze()
    {
        let saved = Saved {
            name: "machine".to_owned(),
            vm: SavedVm::of(&vm),
            disks: Vec::new(),
            memory,
        };
        // To memory, it is written.
        let _ = saved.write(&mut bytes);
    }
    bytes
});

/// The entries of a record, each behind a byte that says how long it is. Checksums are right.
pub fn record(bytes: &[u8]) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some((&length, more)) = rest.split_first() {
        let (entry, behind) = more.split_at(more.len().min(length.into()));
        entries.push(entry);
        rest = behind;
    }
    let file = file(&record::with_entries(&SMALL, &entries));
    let record = file.and_then(|file| Record::open(file.path()).ok());
    if let Some(record) = record {
        run(record.snapshot(), Some(&record));
    }
}

/// A file of translations that are kept for later runs.
pub fn translations(bytes: &[u8]) {
    let folder = TempDir::new().ok();
    let opened = folder
        .as_ref()
        .map(|it| Jit::store_in(it.path(), &MODELS[0], false));
    let Some((folder, Ok(store))) = folder.as_ref().zip(opened) else {
        return;
    };
    drop(store);
    for entry in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
        // What the program makes itself is in front, as whose file it is, is looked at first.
        let head = fs::read(entry.path()).unwrap_or_default();
        let _ = fs::write(entry.path(), [&head, bytes].concat());
    }
    let _ = Jit::store_in(folder.path(), &MODELS[0], false);
}

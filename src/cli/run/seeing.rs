//! The switches of `run` that show what a guest does: its profile, and its timeline.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use clap::Args;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::{Engine, Vm};

use crate::cli::{CliError, complain, say};
use crate::machine::{Uses, values};
use crate::profile::{Named, PERIOD, Profile, Sampler, Symbols, SymbolsOf, kallsyms};
use crate::report::OutFile;
use crate::timeline::{Shared, Timeline, TraceFile, Translations, lock};

/// What is to be seen of a run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Seeing")]
pub(super) struct SeeingArgs {
    /// Sample where the guest spends its time, print the top places to standard error at the end, and
    /// write all to FILE: a flame graph if its name ends in .svg, else folded stacks (process;mode;symbol
    /// and a count). More than once for both. docs/seeing.md tells more
    #[arg(long, value_name = "FILE")]
    profile: Vec<PathBuf>,
    /// Take a sample each N instructions; while the guest waits, its time counts as well
    #[arg(long, value_name = "N", value_parser = values::count, default_value_t = PERIOD, requires = "profile")]
    profile_every: u64,
    /// Name code in the profile as FILE does: an ELF file, a System.map, or what /proc/kallsyms says. With
    /// PROCESS, for processes of this name. The symbols of the kernel's ELF file and those that a Linux
    /// kernel has in its memory are found without
    #[arg(long, value_name = "[PROCESS=]FILE", requires = "profile")]
    symbols: Vec<SymbolFile>,
    /// Write what happens to FILE, as https://ui.perfetto.dev shows it: which process runs, exceptions and
    /// interrupts, accesses to devices, and translations, over the guest's time. Of a run that goes on for
    /// long, the beginning: the file is bounded
    #[arg(long, value_name = "FILE")]
    trace_file: Option<PathBuf>,
    /// The most bytes of that file
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256M", requires = "trace_file")]
    trace_bytes: u64,
}

/// A file with symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SymbolFile {
    process: Option<String>,
    path: PathBuf,
}

impl FromStr for SymbolFile {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (process, path) = match text.split_once('=') {
            // A path may have the sign as well.
            Some((process, path)) if !process.contains('/') => (Some(process.to_owned()), path),
            _ => (None, text),
        };
        let path = path.into();
        Ok(Self { process, path })
    }
}

impl SeeingArgs {
    /// Whether they ask for anything.
    pub fn is_empty(&self) -> bool {
        self.profile.is_empty() && self.trace_file.is_none()
    }

    /// What they write.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.profile
            .iter()
            .chain(&self.trace_file)
            .map(PathBuf::as_path)
    }

    /// Notes the files.
    pub fn note(&self, uses: &mut Uses) {
        for path in &self.profile {
            uses.write("the profile", path);
        }
        if let Some(path) = &self.trace_file {
            uses.write("the trace file", path);
        }
        for file in &self.symbols {
            uses.read("symbols", &file.path);
        }
    }

    /// What is to be seen of a run of the guest from `image`. Its files are read, those that are written
    /// found to be writable.
    pub fn open(self, image: Option<&Path>) -> Result<Seeing, CliError> {
        let most = self.trace_bytes;
        let tracing = (self.trace_file.clone()).map(|path| Tracing::open(path, most));
        Ok(Seeing {
            tracing: tracing.transpose()?,
            profile: self.profiling(image)?.map(Box::new),
        })
    }

    fn profiling(self, image: Option<&Path>) -> Result<Option<Profiling>, CliError> {
        if self.profile.is_empty() {
            return Ok(None);
        }
        let mut symbols = Vec::new();
        for SymbolFile { process, path } in self.symbols {
            symbols.push((process, Symbols::open(&path)?));
        }
        // A kernel without symbols is as good.
        symbols.extend(image.and_then(|path| Some((None, Symbols::open(path).ok()?))));
        let open = |path: PathBuf| Ok::<_, CliError>((Form::of(&path), OutFile::open(path)?));
        let files: Result<_, CliError> = self.profile.into_iter().map(open).collect();
        Ok(Some(Profiling {
            profile: Profile::new(self.profile_every),
            symbols,
            files: files?,
        }))
    }
}

/// What is to be seen of a run, and what was.
#[derive(Debug, Default)]
pub struct Seeing {
    tracing: Option<Tracing>,
    profile: Option<Box<Profiling>>,
}

#[derive(Debug)]
struct Profiling {
    profile: Profile,
    symbols: Vec<SymbolsOf>,
    files: Vec<(Form, OutFile)>,
}

/// How a profile is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    FlameGraph,
    Folded,
}

impl Form {
    fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("svg") => Self::FlameGraph,
            _ => Self::Folded,
        }
    }
}

impl Seeing {
    /// What is to be told of translations while it runs.
    pub(super) fn translations(&self) -> Option<Translations> {
        let tracing = self.tracing.as_ref()?;
        Some(Translations(Arc::clone(&tracing.shared)))
    }

    /// Runs `vm` until its end or `limit`, and looks on.
    pub(super) fn run(
        &mut self,
        vm: &mut Vm,
        engine: &mut dyn Engine,
        host: &mut dyn Host,
        limit: u64,
    ) -> Outcome {
        if let Some(tracing) = &self.tracing {
            vm.watch(Box::new(Timeline::new(&tracing.shared)));
        }
        match &mut self.profile {
            Some(profiling) => {
                let mut sampler = Sampler::new(engine, &mut profiling.profile);
                vm.run(&mut sampler, host, limit)
            }
            None => vm.run(engine, host, limit),
        }
    }

    /// Tells and writes what was seen of a machine, which is at its end.
    pub(super) fn tell(self, vm: &Vm) -> Result<(), CliError> {
        if let Some(tracing) = self.tracing {
            tracing.finish()?;
        }
        match self.profile {
            Some(profiling) => profiling.tell(vm),
            None => Ok(()),
        }
    }
}

/// A timeline that is being written.
#[derive(Debug)]
struct Tracing {
    file: OutFile,
    shared: Shared,
}

impl Tracing {
    fn open(path: PathBuf, most: u64) -> Result<Self, CliError> {
        let file = OutFile::open(path)?;
        let trace = TraceFile::new(file.stream()?, most).map_err(|error| file.failed(error))?;
        let shared = Arc::new(Mutex::new(trace));
        Ok(Self { file, shared })
    }

    fn finish(self) -> Result<(), CliError> {
        let whole = lock(&self.shared).finish();
        if !whole.map_err(|error| self.file.failed(error))? {
            complain(&format!(
                "{}: is full, and shows the beginning of the run; --trace-bytes lets it hold more",
                self.file.name()
            ));
        }
        Ok(())
    }
}

impl Profiling {
    fn tell(mut self, vm: &Vm) -> Result<(), CliError> {
        let own = kallsyms::find(vm);
        self.symbols.extend(own.map(|symbols| (None, symbols)));
        let named = Named::new(self.profile, &self.symbols);
        say(&named.table());
        for (form, file) in &self.files {
            match form {
                Form::FlameGraph => file.fill(|out| named.flame_graph(out))?,
                Form::Folded => file.write(&named.folded())?,
            }
        }
        Ok(())
    }
}

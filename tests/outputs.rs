//! What a run writes is none of the files that it reads, and no two outputs are one file.

mod common;

use common::program::{USAGE, mirrorball, refused};
use common::project;
use std::fs;
use std::os::unix::fs::symlink;

struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with a kernel, links to it, an initrd and a script.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        fs::write(folder.path("kernel"), kernel()).expect("room on the disk");
        fs::hard_link(folder.path("kernel"), folder.path("hard")).expect("one file system");
        symlink("kernel", folder.path("soft")).expect("links");
        folder.file("initrd", "an initrd");
        folder.file("script", "wait \"x\"\n");
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("room on the disk");
        self.path(name)
    }

    /// Says that `arguments` are refused with `parts`, and that all files are as they were.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let before = self.contents();
        refused(arguments, USAGE, parts);
        assert!(self.contents() == before, "{arguments:?} left traces");
    }

    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.0.path()).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().display().to_string());
        let mut all: Vec<_> = names
            .map(|name| (name.clone(), fs::read(self.path(&name)).unwrap_or_default()))
            .collect();
        all.sort();
        all
    }
}

fn kernel() -> Vec<u8> {
    fs::read(project("guests/prebuilt/hello.el.elf")).expect("a prebuilt image")
}

#[test]
fn no_output_overwrites_what_one_machine_is_started_from() {
    let folder = Folder::new();
    let (kernel, initrd, script) = (
        folder.path("kernel"),
        folder.path("initrd"),
        folder.path("script"),
    );
    for link in ["kernel", "hard", "soft"].map(|name| folder.path(name)) {
        let console = format!("file:{link}");
        let parts = [link.as_str(), kernel.as_str(), "the kernel", "same file"];
        folder.refuses(&["run", &kernel, "--console", &console], &parts);
        folder.refuses(&["run", &kernel, "--report", &link], &parts);
        folder.refuses(
            &["trace", &kernel, "--flow", "tlb", "--console", &console],
            &parts,
        );
        folder.refuses(&["bench", &kernel, "--json", &link], &[&link, "a guest"]);
        folder.refuses(&["tune", &kernel, "--html", &link], &[&link, "a guest"]);
    }
    let run = ["run", &kernel, "--initrd", &initrd, "--script", &script];
    for (file, role) in [(&initrd, "the initrd"), (&script, "the script")] {
        let parts = [file.as_str(), role, "the report"];
        folder.refuses(&[&run[..], &["--report", file]].concat(), &parts);
        let console = format!("file:{file}");
        let parts = [file.as_str(), role, "the console of kernel"];
        folder.refuses(&[&run[..], &["--console", &console]].concat(), &parts);
    }
}

#[test]
fn no_two_outputs_are_one_file() {
    let folder = Folder::new();
    let kernel = folder.path("kernel");
    let new = folder.path("new");
    let console = format!("file:{new}");
    folder.refuses(
        &["run", &kernel, "--console", &console, "--report", &new],
        &[&new, "the console of kernel", "the report"],
    );
    folder.refuses(
        &["run", &kernel, "--control", &new, "--report", &new],
        &[&new, "the control socket", "the report"],
    );
    folder.refuses(
        &["run", &kernel, "--control", &kernel],
        &[&kernel, "the control socket", "the kernel"],
    );
    folder.refuses(
        &["bench", &kernel, "--json", &new, "--svg", &new],
        &[&new, "the JSON", "the plot"],
    );
    symlink("new", folder.path("link")).expect("links");
    let file = folder.file(
        "m.toml",
        "[[vm]]\nname = \"a\"\nconsole = \"file:new\"\n\
         [[vm]]\nname = \"b\"\nconsole = \"file:link\"\n",
    );
    folder.refuses(&["run", &file], &["m.toml:5:8: ", "the console of a"]);
    folder.refuses(&["run", "--check", &file], &["the console of a"]);
    folder.refuses(
        &["run", &file, "--report", &file],
        &["the report", "the machine file"],
    );
}

#[test]
fn machines_of_a_file_spare_each_others_kernels() {
    let folder = Folder::new();
    let file = folder.file(
        "m.toml",
        "[[vm]]\nname = \"a\"\nimage = \"kernel\"\nconsole = \"none\"\n\
         [[vm]]\nname = \"b\"\nconsole = \"file:hard\"\n",
    );
    let parts = ["m.toml:6:8: ", "the console of b", "the kernel"];
    folder.refuses(&["run", &file], &parts);
}

#[test]
fn a_device_may_take_everything() {
    let output = mirrorball(&[
        "run",
        "guests/prebuilt/hello.el.elf",
        "--console",
        "file:/dev/null",
        "--report",
        "/dev/null",
    ]);
    assert_eq!(output.status.code(), Some(0));
}

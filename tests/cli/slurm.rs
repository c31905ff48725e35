//! Measurements on a cluster: a real Slurm of one host, which the test starts and stops.

use crate::common::program::{Folder, command, mirrorball};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Where Debian has Slurm's daemons.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/// How long the cluster may take to come up.
const LONG: Duration = Duration::from_secs(60);

/// A cluster of this host, which goes when this does.
struct Cluster {
    folder: Folder,
    daemons: Vec<Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn daemon(name: &str) -> Command {
    let mut command = Command::new(name);
    let null = Stdio::null;
    command.env("PATH", PATH).stdin(null()).stdout(null());
    command.stderr(null());
    command
}

fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let output = output.expect("a command of every system");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// The configuration of a cluster of one host in a folder.
fn configuration(folder: &Folder, host: &str) -> String {
    // Both are held until both are known.
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [controller, node] = ports.map(|port| port.local_addr().expect("its number").port());
    let (user, at) = (said("id", &["-un"]), folder.path(""));
    let plugins = [
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "SchedulerType=sched/builtin",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core",
        "SlurmdParameters=config_overrides",
        "SchedulerParameters=sched_interval=1",
        "ReturnToService=2",
    ];
    format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\n\
         SlurmdPort={node}\nSlurmUser={user}\nSlurmdUser={user}\n\
         AuthInfo=socket={at}munge\nStateSaveLocation={at}state\nSlurmdSpoolDir={at}spool\n\
         SlurmctldPidFile={at}slurmctld.pid\nSlurmdPidFile={at}slurmd.pid\n\
         SlurmctldLogFile={at}slurmctld.log\nSlurmdLogFile={at}slurmd.log\n{}\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN\n\
         PartitionName=short Nodes={host} Default=YES State=UP\n",
        plugins.join("\n")
    )
}

impl Cluster {
    /// Starts one, if Slurm is installed.
    fn start() -> Option<Self> {
        let folder = Folder::new();
        fs::set_permissions(folder.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
        let mut key = [0; 1024];
        fastrand::fill(&mut key);
        let key = folder.file("key", &key);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("ours");
        let kernel_name = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let host = kernel_name.trim().split('.').next().expect("a first part");
        folder.file("slurm.conf", configuration(&folder, host).as_bytes());
        for name in ["state", "spool"] {
            fs::create_dir(folder.path(name)).expect("room on the disk");
        }
        let mut cluster = Self {
            folder,
            daemons: Vec::new(),
        };
        let at = |switch: &str, name: &str| format!("{switch}={}", cluster.folder.path(name));
        let munge = [
            at("--key-file", "key"),
            at("--socket", "munge"),
            at("--pid-file", "munge.pid"),
            at("--log-file", "munge.log"),
            at("--seed-file", "seed"),
        ];
        let mut munged = daemon("munged");
        munged.args(["--foreground", "--force"]).args(munge);
        cluster.daemons.push(munged.spawn().ok()?);
        let socket = cluster.folder.path("munge");
        cluster.until("munged", || fs::exists(&socket).is_ok_and(|there| there));
        for (name, arguments) in [
            ("slurmctld", &["-D", "-i"][..]),
            ("slurmd", &["-D", "-N", host]),
        ] {
            let mut daemon = daemon(name);
            daemon.args(arguments);
            daemon.env("SLURM_CONF", cluster.folder.path("slurm.conf"));
            cluster.daemons.push(daemon.spawn().ok()?);
        }
        cluster.until("slurmd", || {
            cluster.says("sinfo", &["-h", "-o", "%t"]) == "idle"
        });
        Some(cluster)
    }

    /// Waits until something is so.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let log = || fs::read_to_string(self.folder.path(&format!("{what}.log")));
            assert!(
                start.elapsed() < LONG,
                "{what} does not come up: {:?}",
                log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn says(&self, command: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(command);
        command.env("SLURM_CONF", self.folder.path("slurm.conf"));
        let output = command.args(arguments).output();
        output.map_or_else(
            |error| error.to_string(),
            |it| String::from_utf8_lossy(&it.stdout).trim().to_owned(),
        )
    }

    /// Runs the program where Slurm's commands know this cluster.
    fn mirrorball(&self, arguments: &[&str]) -> Output {
        let mut command = command(arguments);
        command.env("SLURM_CONF", self.folder.path("slurm.conf"));
        command.output().expect("the program starts")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_would_be_submitted_is_said() {
    let folder = Folder::new();
    let runs = folder.path("runs");
    let bench = ["bench", "hello", "-s", "jit --hot 7", "--slurm", &runs];
    let switches = [
        "--sbatch",
        "--partition=short --time=10 --mem=2G",
        "--dry-run",
    ];
    let output = mirrorball(&[&bench[..], &switches].concat());
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in [
        "# 0 of 1 points are done\n",
        "--partition=short --time=10 --mem=2G",
        "bench hello -s 'jit --hot 7' --slurm",
        "--point \"$SLURM_ARRAY_TASK_ID\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("--dry-run"), "{said}");
    assert!(
        !fs::exists(&runs).expect("it can be asked"),
        "nothing is made"
    );
}

#[test]
fn a_cluster_does_the_runs_and_what_is_missing_again() {
    let Some(cluster) = Cluster::start() else {
        assert!(
            std::env::var("CI").is_err(),
            "slurmctld, slurmd or munge is not installed"
        );
        eprintln!("not tested, as slurmctld, slurmd or munge is not installed: runs on a cluster");
        return;
    };
    let [runs, json] = ["runs", "results.json"].map(|name| cluster.folder.path(name));
    let bench = [
        "bench", "hello", "tour", "-s", "jit", "-s", "interp", "--rounds", "2",
    ];
    let there = [
        "--slurm",
        &runs,
        "--sbatch",
        "--partition=short --mem=100M",
        "--json",
        &json,
    ];
    let measure = [&bench[..], &there].concat();
    let output = cluster.mirrorball(&measure);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(" of 4; if this ends"), "{said}");
    let found = fs::read_to_string(&json).expect("results");
    let results: Value = serde_json::from_str(&found).expect("JSON");
    let guests = results["guests"].as_array().expect("guests");
    assert_eq!(guests.len(), 2);
    for guest in guests {
        for setting in [0, 1] {
            let all = guest["measured"][setting]["wall"]["all"].as_array();
            assert_eq!(all.map(Vec::len), Some(2), "{guest}");
        }
    }
    assert_eq!(results["differences"].as_array().map(Vec::len), Some(0));

    // One of them is lost: it alone is done again, and the others are what they were.
    let kept = fs::read(format!("{runs}/3.json")).expect("a point");
    fs::write(format!("{runs}/2.json"), "torn").expect("ours");
    let output = cluster.mirrorball(&measure);
    let said = text(&output.stderr);
    assert!(
        output.status.success() && said.contains(" of 1; if this ends"),
        "{said}"
    );
    assert_eq!(fs::read(format!("{runs}/3.json")).expect("a point"), kept);

    // The folder is for this measurement alone.
    let other = ["bench", "hello", "--slurm", &runs];
    let output = cluster.mirrorball(&other);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("another measurement"), "{said}");

    // What fails is tried twice, and named.
    let never = cluster.folder.file("never", b"wait \"no such text\"\n");
    let failing = cluster.folder.path("failing");
    let tune = [
        "tune", "hello", "--vary", "hot=10", "--rounds", "1", "--script", &never,
    ];
    let output = cluster.mirrorball(&[&tune[..], &["--slurm", &failing]].concat());
    let said = text(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(said.matches("job array").count(), 2, "{said}");
    for part in ["hello", "its job failed twice", "no such text"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

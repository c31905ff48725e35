//! A measurement on a cluster: Slurm does the runs, as the jobs of an array.
//!
//! A *point* is a guest with a setting: all its runs are one job, which is this program with the same
//! arguments and the number of the point. It leaves its runs in a file of the folder that all hosts
//! see (`points`). What is missing there when the jobs have ended is submitted once more. The
//! results are made of the files, as if the runs had been done here.

mod points;
mod queue;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use points::{Point, Points};
pub use queue::Queue;

use super::{Campaign, Guest, MeasureError, Progress, Results, Setting};

/// How often the cluster is asked whether it has done the jobs.
const LOOK: Duration = Duration::from_secs(1);
/// How often a point is submitted: what fails twice is given up.
const ATTEMPTS: usize = 2;

/// Where a measurement's runs are done, and kept.
#[derive(Debug)]
pub struct Cluster {
    /// The folder that all hosts see.
    pub folder: PathBuf,
    /// Where jobs are submitted.
    pub queue: Queue,
}

/// The guest and the setting of a point.
fn point(campaign: &Campaign, number: usize) -> Result<(&Guest, &Setting), MeasureError> {
    let settings = campaign.settings.len();
    let guest = campaign.guests.all.get(number / settings);
    let guest = guest.ok_or(MeasureError::NoPoint {
        point: number,
        last: count(campaign) - 1,
    })?;
    Ok((guest, &campaign.settings[number % settings]))
}

fn count(campaign: &Campaign) -> usize {
    campaign.guests.all.len() * campaign.settings.len()
}

impl Cluster {
    /// Does the runs of one point: what a job is for.
    ///
    /// # Errors
    /// When a run fails, or what it found cannot be kept.
    pub fn run_point(&self, campaign: &Campaign, number: usize) -> Result<(), MeasureError> {
        let points = Points::open(&self.folder, campaign)?;
        let (guest, setting) = point(campaign, number)?;
        let runs = (0..campaign.rounds).map(|_| campaign.run_once(guest, setting));
        points.put(number, &Point::new(runs.collect::<Result<_, _>>()?))
    }

    /// What would be submitted.
    ///
    /// # Errors
    /// When the folder holds something else, or cannot be used.
    pub fn plan(&self, campaign: &Campaign) -> Result<String, MeasureError> {
        let points = Points::look(&self.folder, campaign)?;
        let (all, missing) = (count(campaign), points.missing(count(campaign)));
        let done = format!("# {} of {all} points are done\n", all - missing.len());
        Ok(match missing.as_slice() {
            [] => done,
            missing => done + &self.queue.shown(missing, &points.logs()),
        })
    }

    /// Has the cluster do what is missing, and makes the results of all.
    ///
    /// # Errors
    /// When Slurm's commands fail, and as those of [`Campaign::run`].
    pub fn run(&self, campaign: &Campaign) -> Result<Results, MeasureError> {
        let points = Points::open(&self.folder, campaign)?;
        let mut progress = Progress::counting("point", count(campaign));
        let mut seen = 0;
        for _ in 0..ATTEMPTS {
            let missing = points.missing(count(campaign));
            if missing.is_empty() {
                break;
            }
            let job = self.job(&points, &missing)?;
            while self.queue.has(&job)? {
                thread::sleep(LOOK);
                let done = count(campaign) - points.missing(count(campaign)).len();
                (seen..done).for_each(|_| progress.next(&format!("job {job}")));
                seen = seen.max(done);
            }
        }
        drop(progress);
        collect(campaign, &points)
    }

    /// The job array that does what is missing: the one of an earlier call if it is not at its end,
    /// or a new one.
    fn job(&self, points: &Points, missing: &[usize]) -> Result<String, MeasureError> {
        if let Some(job) = points.job()
            && self.queue.has(&job)?
        {
            return Ok(job);
        }
        let job = self.queue.submit(missing, &points.logs())?;
        points.set_job(&job)?;
        let jobs = missing.len();
        eprintln!(
            "mirrorball: job array {job} of {jobs}; if this ends, the same command goes on with it"
        );
        Ok(job)
    }
}

/// The results of the points that are there.
fn collect(campaign: &Campaign, points: &Points) -> Result<Results, MeasureError> {
    let mut hosts = Vec::new();
    let mut of_guest = 0..campaign.guests.all.len();
    let mut results = campaign.results(|guest| {
        let first = of_guest.next().unwrap_or_default() * campaign.settings.len();
        let settings = campaign.settings.iter().zip(first..);
        let runs = settings.map(|(setting, number)| {
            let found = points.get(number).ok_or_else(|| MeasureError::Run {
                guest: guest.name.clone(),
                setting: setting.name.clone(),
                problem: points.problem(number),
            })?;
            hosts.push(found.host);
            Ok(found.runs)
        });
        runs.collect()
    })?;
    hosts.sort();
    hosts.dedup();
    results.host = hosts.join(", ");
    Ok(results)
}

// SPDX-License-Identifier: BSD-2-Clause
//! The command line: what can be asked for and what is printed. Must not know how runs are made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context, Result};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::ko::{self, Ko};
use crate::report::{self, Report, Verdict};
use crate::scenario::{self, Scenario};
use crate::{fleet, run, table, timeline};

/// Scenarios for ipmi.ko over a software kernel and a software BMC.
#[derive(Parser)]
#[command(name = "lab", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the scenarios
    List,
    /// Run scenarios and judge them: exit 0 if all pass, 1 if one fails
    Run {
        /// Names from `lab list`, or `all`
        #[arg(required = true, value_name = "SCENARIO")]
        scenarios: Vec<String>,
        /// The module to load
        #[arg(long, value_name = "PATH", default_value = ko::DEFAULT)]
        ko: PathBuf,
        #[command(flatten)]
        seeds: Seeds,
        /// Write a JSON array, an object a run
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Draw the first failing run, or else the one with the worst pat
        #[arg(long, value_name = "FILE.svg")]
        plot: Option<PathBuf>,
    },
    /// Run a scenario on several modules with the same BMC, load and seeds
    Compare {
        #[arg(value_name = "SCENARIO")]
        scenario: String,
        /// A module to load; give it once for each
        #[arg(long, value_name = "PATH", required = true)]
        ko: Vec<PathBuf>,
        #[command(flatten)]
        seeds: Seeds,
    },
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Seeds {
    /// Run with this seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Run with all seeds from A to B, both included
    #[arg(long, value_name = "A..B", value_parser = seed_range)]
    seeds: Option<(u64, u64)>,
}

impl Seeds {
    fn all(&self) -> std::ops::RangeInclusive<u64> {
        self.seeds
            .map_or(self.seed..=self.seed, |(from, to)| from..=to)
    }
}

fn seed_range(text: &str) -> Result<(u64, u64), String> {
    let parts = text
        .split_once("..")
        .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match parts {
        Some((from, to)) if from <= to => Ok((from, to)),
        _ => Err("must be A..B with A no greater than B".into()),
    }
}

/// What one run is asked to be.
struct Job<'j> {
    scenario: &'static Scenario,
    seed: u64,
    ko: &'j Ko,
}

/// Exit code for arguments that make no sense and files that are not there.
const USAGE: u8 = 2;

pub fn main() -> ExitCode {
    match obey(Arguments::parse().verb) {
        Ok(Verdict::Pass) => ExitCode::SUCCESS,
        Ok(Verdict::Fail) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn obey(verb: Verb) -> Result<Verdict> {
    match verb {
        Verb::List => {
            for scenario in scenario::all() {
                println!("{:20} {}", scenario.name, scenario.about);
            }
            Ok(Verdict::Pass)
        }
        Verb::Run {
            scenarios,
            ko,
            seeds,
            json,
            plot,
        } => run(&scenarios, &ko, &seeds, json.as_deref(), plot.as_deref()),
        Verb::Compare {
            scenario,
            ko,
            seeds,
        } => compare(&scenario, &ko, &seeds),
    }
}

fn named(name: &str) -> Result<&'static Scenario> {
    scenario::by_name(name).with_context(|| format!("there is no scenario {name}; see `lab list`"))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.iter().any(|name| name == "all") {
        return Ok(scenario::all().collect());
    }
    names.iter().map(|name| named(name)).collect()
}

fn run(
    names: &[String],
    ko: &Path,
    seeds: &Seeds,
    json: Option<&Path>,
    plot: Option<&Path>,
) -> Result<Verdict> {
    let scenarios = chosen(names)?;
    let ko = Ko::open(ko)?;
    let jobs: Vec<Job> = scenarios
        .iter()
        .flat_map(|&scenario| seeds.all().map(move |seed| (scenario, seed)))
        .map(|(scenario, seed)| Job {
            scenario,
            seed,
            ko: &ko,
        })
        .collect();
    let reports = carry_out(&jobs)?;
    match &reports[..] {
        [report] => println!("{}", table::one(report)),
        _ => println!(
            "{}",
            table::worst(&reports, |r| r.identity.scenario.clone())
        ),
    }
    print!("{}", table::failures(&reports));
    if let Some(path) = json {
        make_room(path)?;
        report::write_json(path, &reports)?;
    }
    if let Some(path) = plot {
        draw(path, &jobs, &reports)?;
    }
    Ok(verdict(&reports))
}

fn compare(name: &str, kos: &[PathBuf], seeds: &Seeds) -> Result<Verdict> {
    let scenario = named(name)?;
    let kos: Vec<Ko> = kos
        .iter()
        .map(|path| Ko::open(path))
        .collect::<Result<_>>()?;
    let jobs: Vec<Job> = kos
        .iter()
        .flat_map(|ko| seeds.all().map(move |seed| Job { scenario, seed, ko }))
        .collect();
    let reports = carry_out(&jobs)?;
    println!("{name}, seeds {:?}", seeds.all());
    match reports.len() == kos.len() {
        true => println!(
            "{}",
            table::side_by_side(&reports, |r| r.identity.ko.clone())
        ),
        false => println!("{}", table::worst(&reports, |r| r.identity.ko.clone())),
    }
    print!("{}", table::failures(&reports));
    Ok(verdict(&reports))
}

/// Does the jobs, with a bar for people to watch.
fn carry_out(jobs: &[Job]) -> Result<Vec<Report>> {
    let style = "{bar:40} {pos}/{len} runs, {elapsed} gone, {eta} to go {msg}";
    let bar = ProgressBar::new(jobs.len() as u64);
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let work = |job: &Job| Ok(run::run(job.scenario, job.seed, job.ko)?.report());
    let reports = fleet::each(jobs, work, || bar.inc(1));
    bar.finish_and_clear();
    reports
}

fn verdict(reports: &[Report]) -> Verdict {
    match reports.iter().all(|r| r.verdict == Verdict::Pass) {
        true => Verdict::Pass,
        false => Verdict::Fail,
    }
}

/// Makes the most telling run again, and a picture of it.
fn draw(path: &Path, jobs: &[Job], reports: &[Report]) -> Result<()> {
    let worst = |i: &usize| (reports[*i].worst_pat_ms * 1e6) as u64;
    let failing = reports.iter().position(|r| r.verdict == Verdict::Fail);
    let Some(index) = failing.or_else(|| (0..reports.len()).max_by_key(worst)) else {
        bail!("there is no run to draw");
    };
    let Job { scenario, seed, ko } = &jobs[index];
    let run = run::run(scenario, *seed, ko)?;
    make_room(path)?;
    std::fs::write(path, timeline::draw(&run))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: {} with seed {seed}", path.display(), scenario.name);
    Ok(())
}

/// Makes the directory that a file goes to.
fn make_room(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn seeds_are_ranges_in_order() {
        assert_eq!(seed_range("3..7"), Ok((3, 7)));
        assert!(seed_range("7..3").is_err());
        assert!(seed_range("x").is_err());
    }

    #[test]
    fn a_wrong_name_is_told() {
        let error = chosen(&["nonsense".into()]).err().unwrap();
        assert!(error.to_string().contains("lab list"));
    }
}

// SPDX-License-Identifier: BSD-2-Clause
//! The command line: what can be asked for and what is printed. Must not know how runs are made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context, Result};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::ko::{self, Ko};
use crate::report::{self, Report, Run, Verdict};
use crate::scenario::{self, Scenario};
use crate::serve::{self, house::Remains, Modules, Peer};
use crate::transport::Transport;
use crate::{fleet, fuzz, run, table, timeline};

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
    Run(Runs),
    /// Run a scenario on several modules with the same BMC, load and seeds
    Compare(Comparison),
    /// Do anything to /dev/ipmi0 and see whether the kernel complains
    Fuzz(Fuzzing),
    /// Offer /dev/ipmi0 to Linux programs, on the real clock
    Serve(Service),
    /// Run a Linux program that finds a /dev/ipmi0 of its own
    Exec(Program),
    /// Run ipmitool and FreeIPMI against each BMC and check what they say
    Clients(Suite),
}

#[derive(clap::Args)]
struct Fuzzing {
    /// The module to load
    #[arg(long, value_name = "PATH", default_value = ko::DEFAULT)]
    ko: PathBuf,
    #[command(flatten)]
    seeds: Seeds,
    /// System calls with each seed
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    operations: u64,
}

#[derive(clap::Args)]
struct Suite {
    #[command(flatten)]
    modules: Modules,
    /// Who plays the BMC; give it once for each
    #[arg(long, value_enum, value_name = "WHO", required = true)]
    bmc: Vec<Peer>,
    /// How long four programs loop at once, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    crowd: u64,
}

#[derive(clap::Args)]
struct Service {
    #[command(flatten)]
    modules: Modules,
    /// Who plays the BMC
    #[arg(long, value_enum, value_name = "WHO", default_value_t = Peer::Own)]
    bmc: Peer,
    /// Where programs reach it
    #[arg(long, value_name = "PATH", default_value = "/tmp/ipmi-lab.socket")]
    socket: PathBuf,
}

#[derive(clap::Args)]
struct Program {
    #[command(flatten)]
    modules: Modules,
    /// Who plays the BMC
    #[arg(long, value_enum, value_name = "WHO", default_value_t = Peer::Own)]
    bmc: Peer,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(clap::Args)]
struct Runs {
    /// Names from `lab list`, or `all`
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// The module to load
    #[arg(long, value_name = "PATH", default_value = ko::DEFAULT)]
    ko: PathBuf,
    #[command(flatten)]
    seeds: Seeds,
    /// The way from the host to its BMC
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Transport::Kcs)]
    transport: Transport,
    /// Write a JSON array, an object a run
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the first failing run, or else the one with the worst pat
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Comparison {
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// A module to load; give it once for each
    #[arg(long, value_name = "PATH", required = true)]
    ko: Vec<PathBuf>,
    #[command(flatten)]
    seeds: Seeds,
    /// The way from the host to its BMC
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Transport::Kcs)]
    transport: Transport,
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

impl std::fmt::Display for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seeds {
            Some((from, to)) => write!(f, "seeds {from} to {to}"),
            None => write!(f, "seed {}", self.seed),
        }
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
    transport: Transport,
    seed: u64,
    ko: &'j Ko,
}

impl Job<'_> {
    fn run(&self) -> Result<Run> {
        run::run_over(self.transport, self.scenario, self.seed, self.ko)
    }
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
        Verb::Run(runs) => run(&runs),
        Verb::Fuzz(fuzzing) => fuzz(&fuzzing),
        Verb::Compare(comparison) => compare(&comparison),
        Verb::Serve(Service {
            modules,
            bmc,
            socket,
        }) => Ok(left(&serve::serve(&modules, bmc, &socket)?)),
        Verb::Clients(suite) => {
            let crowd = std::time::Duration::from_secs(suite.crowd);
            serve::clients::run(&suite.modules, &suite.bmc, crowd)
        }
        Verb::Exec(program) => {
            let (status, remains) = serve::exec(&program.modules, program.bmc, &program.command)?;
            match left(&remains) {
                Verdict::Pass if status.success() => Ok(Verdict::Pass),
                _ => Ok(Verdict::Fail),
            }
        }
    }
}

/// Says what a machine has left behind: it passes if nothing was wrong with it.
fn left(remains: &Remains) -> Verdict {
    for violation in &remains.violations {
        eprintln!("lab: the kernel complains: {violation}");
    }
    if let Some(stop) = &remains.ended {
        eprintln!("lab: the machine ended by itself: {stop:?}");
    }
    match remains.violations.is_empty() && remains.ended.is_none() {
        true => Verdict::Pass,
        false => Verdict::Fail,
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

fn fuzz(fuzzing: &Fuzzing) -> Result<Verdict> {
    let ko = Ko::open(&fuzzing.ko)?;
    let seeds: Vec<u64> = fuzzing.seeds.all().collect();
    let bar = bar(seeds.len())?;
    let play = |&seed: &u64| fuzz::play(&ko, seed, fuzzing.operations);
    let outcomes = fleet::each(&seeds, play, || bar.inc(1))?;
    bar.finish_and_clear();
    let mut verdict = Verdict::Pass;
    for (seed, outcome) in seeds.iter().zip(&outcomes) {
        for complaint in &outcome.complaints {
            println!("seed {seed}: {complaint}");
            verdict = Verdict::Fail;
        }
    }
    let operations: u64 = outcomes.iter().map(|outcome| outcome.operations).sum();
    let ioctls: u64 = outcomes.iter().map(|outcome| outcome.ioctls).sum();
    println!(
        "{operations} operations, {ioctls} of them ioctls, {}",
        fuzzing.seeds
    );
    Ok(verdict)
}

fn run(runs: &Runs) -> Result<Verdict> {
    let scenarios = chosen(&runs.scenarios)?;
    let ko = Ko::open(&runs.ko)?;
    let of_scenario = |&scenario: &&'static Scenario| {
        let (transport, ko) = (runs.transport, &ko);
        let job = move |seed| Job {
            scenario,
            transport,
            seed,
            ko,
        };
        runs.seeds.all().map(job)
    };
    let jobs: Vec<Job> = scenarios.iter().flat_map(of_scenario).collect();
    let reports = carry_out(&jobs)?;
    match &reports[..] {
        [report] => println!("{}", table::one(report)),
        _ => println!(
            "{}",
            table::worst(&reports, |r| r.identity.scenario.clone())
        ),
    }
    print!("{}", table::failures(&reports));
    if let Some(path) = &runs.json {
        make_room(path)?;
        report::write_json(path, &reports)?;
    }
    if let Some(path) = &runs.plot {
        draw(path, &jobs, &reports)?;
    }
    Ok(verdict(&reports))
}

fn compare(comparison: &Comparison) -> Result<Verdict> {
    let scenario = named(&comparison.scenario)?;
    let (transport, seeds) = (comparison.transport, &comparison.seeds);
    let kos = comparison.ko.iter().map(|path| Ko::open(path));
    let kos: Vec<Ko> = kos.collect::<Result<_>>()?;
    let of_ko = |ko| {
        seeds.all().map(move |seed| Job {
            scenario,
            transport,
            seed,
            ko,
        })
    };
    let jobs: Vec<Job> = kos.iter().flat_map(of_ko).collect();
    let reports = carry_out(&jobs)?;
    let title = |r: &Report| r.identity.ko.clone();
    println!("{} over {}, {seeds}", scenario.name, transport.name());
    match reports.len() == kos.len() {
        true => println!("{}", table::side_by_side(&reports, title)),
        false => println!("{}", table::worst(&reports, title)),
    }
    print!("{}", table::failures(&reports));
    Ok(verdict(&reports))
}

fn bar(runs: usize) -> Result<ProgressBar> {
    let style = "{bar:40} {pos}/{len} runs, {elapsed} gone, {eta} to go {msg}";
    let bar = ProgressBar::new(runs as u64);
    bar.set_style(ProgressStyle::with_template(style)?);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    Ok(bar)
}

/// Does the jobs, with a bar for people to watch.
fn carry_out(jobs: &[Job]) -> Result<Vec<Report>> {
    let bar = bar(jobs.len())?;
    let work = |job: &Job| Ok(job.run()?.report());
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
    let run = jobs[index].run()?;
    make_room(path)?;
    std::fs::write(path, timeline::draw(&run))
        .with_context(|| format!("cannot write {}", path.display()))?;
    let id = &run.identity;
    println!("{}: {} with seed {}", path.display(), id.scenario, id.seed);
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

// SPDX-License-Identifier: BSD-2-Clause
//! The command line of the object gate: prints each violation and fails if there is one.
//! Must not know any rule.

#![forbid(unsafe_code)]

use clap::{Arg, ArgAction, Command};
use ipmi_gate::{check, Finding, Generation, Stats};
use std::path::Path;
use std::process::ExitCode;

fn command() -> Command {
    Command::new("gate")
        .about("Checks an ipmi.ko against what the kernel's linker and stacks allow")
        .arg(Arg::new("file").required(true).value_name("FILE"))
        .arg(
            Arg::new("generation")
                .long("generation")
                .value_name("N")
                .value_parser(["13", "14", "15"])
                .default_value("15")
                .help("FreeBSD release whose kernel loads the file"),
        )
        .arg(
            Arg::new("stats")
                .long("stats")
                .action(ArgAction::SetTrue)
                .help("Print size, imports and deepest frame of a file that passes"),
        )
}

fn main() -> ExitCode {
    let arguments = command().get_matches();
    let file = arguments.get_one::<String>("file").map(Path::new);
    let generation = arguments
        .get_one::<String>("generation")
        .and_then(|n| Generation::parse(n));
    let (Some(file), Some(generation)) = (file, generation) else {
        return ExitCode::FAILURE;
    };
    let result = std::fs::read(file)
        .map_err(|error| error.to_string())
        .and_then(|bytes| check(&bytes, generation).map_err(|error| error.to_string()));
    match result {
        Err(error) => {
            eprintln!("gate: {}: {error}", file.display());
            ExitCode::FAILURE
        }
        Ok((findings, stats)) => verdict(file, &findings, &stats, arguments.get_flag("stats")),
    }
}

fn verdict(file: &Path, findings: &[Finding], stats: &Stats, print_stats: bool) -> ExitCode {
    for finding in findings {
        eprintln!("gate: {}: {finding}", file.display());
    }
    if !findings.is_empty() {
        eprintln!("gate: {} violations", findings.len());
        return ExitCode::FAILURE;
    }
    if print_stats {
        let Stats {
            bytes,
            functions,
            imports,
            deepest_frame: (frame, function),
        } = stats;
        println!(
            "          {bytes} bytes, {functions} functions, {imports} imports, \
             deepest frame {frame} bytes in {function}"
        );
    }
    ExitCode::SUCCESS
}

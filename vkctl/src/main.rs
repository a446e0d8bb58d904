//! Shows and sets the memory policies of containers.

mod args;
mod container;
mod device;
mod doctor;
mod errno;
mod event;
mod failure;
mod json;
mod native;
mod nsid;
mod order;
mod place;
mod process;
mod profile;
mod protocol;
mod record;
mod settings;
mod table;
mod target;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};
use failure::Failure;
use order::Order;
use process::System;
use profile::{Profile, Unsupported};
use protocol::Answer;
use target::Target;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.verb {
        Verb::Completions { shell } => print(&args::completions(*shell)),
        Verb::Man => print(&args::man_page()),
        Verb::Inside => native::inside(),
        Verb::Set(set) if set.profile.is_some() => apply(&args, set),
        verb @ Verb::Watch => Order::new(verb).and_then(|order| watch::run(&args, &order)),
        verb => carry_out(&args, verb),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&args, &failure),
    }
}

/// Sends the order that `verb` stands for and prints the answer.
fn carry_out(args: &Args, verb: &Verb) -> Result<(), Failure> {
    let order = Order::new(verb)?;
    let answer = ask(args, &order)?;
    if args.json {
        return print(&json::answer(&order, &answer)?);
    }
    for line in answer.remarks() {
        eprintln!("{line}");
    }
    let text = table::answer(&order, &answer)?;
    if let (true, Some(sentence)) = (text.is_empty(), order.nothing()) {
        eprintln!("{sentence}");
    }
    print(&text)
}

/// Applies a profile: all of it, or nothing.
fn apply(args: &Args, set: &args::Set) -> Result<(), Failure> {
    let profile = match &set.profile {
        Some(path) => Profile::read(path)?,
        None => Profile::default(),
    };
    let show = Order::new(&Verb::Show {
        target: set.target.clone(),
    })?;
    let sorted = profile.sort(&served(&ask(args, &show)?), profile::of_host);
    if !sorted.refused.is_empty() {
        let reasons = profile::reasons(&sorted.refused);
        if profile.unsupported == Unsupported::Refuse {
            let hint = "\"unsupported\": \"skip\" in the profile applies the rest";
            return Err(Failure::refused("EOPNOTSUPP", reasons).hint(hint));
        }
        eprintln!("skipped: {reasons}");
    }
    let settings = sorted.private.iter();
    let order = Order::of_settings(&set.target, settings.map(|it| (&*it.name, &*it.value)))?;
    let pid = match sorted.native.is_empty() {
        true => 0,
        false => set
            .target
            .parse::<Target>()?
            .first_process(&System::running())?,
    };
    let before = native::write(pid, &sorted.native)?;
    if sorted.private.is_empty() {
        return Ok(());
    }
    ask(args, &order)
        .map(|_| ())
        .inspect_err(|_| native::restore(pid, &before))
}

/// Returns the keys that `show` has.
fn served(answer: &Answer) -> Vec<String> {
    let names = answer.lines.iter().filter_map(|line| line.split_once('='));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn ask(args: &Args, order: &Order) -> Result<Answer, Failure> {
    device::ask(&args.device, &order.request)
        .map_err(|failure| order.explain(failure))
        .and_then(|bytes| Answer::parse(&bytes).map_err(|e| order.explain(e.into())))
}

/// Says what went wrong, where the caller looks for it, and returns the exit code for it.
fn report(args: &Args, failure: &Failure) -> ExitCode {
    if args.json {
        // There is nobody left to tell when stdout is gone too.
        let _ = print(&json::failure(args.verb.name(), failure));
    } else {
        eprintln!("vkctl: {failure}");
        if let Some(hint) = &failure.hint {
            eprintln!("hint: {hint}");
        }
    }
    ExitCode::from(failure.exit_code())
}

/// Writes `text` to stdout; a reader that left early (`vkctl list | head -1`) is not an error.
fn print(text: &str) -> Result<(), Failure> {
    write(text).map(|_| ())
}

/// Writes `text` to stdout; tells whether anybody still reads there.
fn write(text: &str) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::io("stdout", &e)),
    }
}

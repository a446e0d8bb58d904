//! Shows and sets the memory policies of containers.

mod args;
mod container;
mod device;
mod doctor;
mod errno;
mod event;
mod failure;
mod json;
mod nsid;
mod order;
mod place;
mod process;
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
use protocol::Answer;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.verb {
        Verb::Completions { shell } => print(&args::completions(*shell)),
        Verb::Man => print(&args::man_page()),
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
    let answer = device::ask(&args.device, &order.request)
        .map_err(|failure| order.explain(failure))
        .and_then(|bytes| Answer::parse(&bytes).map_err(|e| order.explain(e.into())))?;
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

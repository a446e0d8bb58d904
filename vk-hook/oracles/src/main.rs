//! Reads windows of 15 bytes from standard input to its end, and prints what came out as JSON.

use std::io::{self, Read};

use vk_hook_oracles::{Oracles, Tally, WINDOW};

fn main() -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(1 << 20, io::stdin().lock());
    let mut tally = Tally {
        decoders: Oracles::NAMES
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        ..Tally::default()
    };
    let mut oracles = Oracles::default();
    let mut window = [0; WINDOW];
    loop {
        match input.read_exact(&mut window) {
            Ok(()) => tally.take(&mut oracles, &window),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

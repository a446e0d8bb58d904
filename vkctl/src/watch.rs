//! The verb `watch`: prints what happens until it is interrupted.

use crate::args::Args;
use crate::device;
use crate::event::Event;
use crate::failure::Failure;
use crate::json;
use crate::order::Order;
use crate::table::plain;

/// Prints events line by line; returns when nobody reads them any more.
///
/// # Errors
///
/// The module refuses, or its stream ends or is none.
pub(crate) fn run(args: &Args, order: &Order) -> Result<(), Failure> {
    let stream = device::open_stream(&args.device, &order.request);
    let mut stream = stream.map_err(|failure| order.explain(failure))?;
    while let Some(line) = stream.next_line()? {
        let event = Event::parse(&line)?;
        let text = match args.json {
            true => json::event(&event),
            false => plain(&line) + "\n",
        };
        if !crate::write(&text)? {
            return Ok(());
        }
    }
    Err(Failure::refused("EPROTO", "the module ended the stream"))
}

//! Plans by name: what is displaced and moved, what is refused, and what other hookers got wrong.

mod kernel;
mod moved;
mod naive;
mod random;
mod refused;
mod reported;

//! What the hook of vk_bench.ko answers, apart from any kernel.

#![no_std]
#![forbid(unsafe_code)]

/// Answers a call whose caller the hook's filter does not send away.
pub fn answer(value: i32) -> i32 {
    !value
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn is_another_than_the_functions_own() {
        // The function's own answers are never negative.
        assert!(answer(0) < 0 && answer(i32::MAX) < 0);
    }
}

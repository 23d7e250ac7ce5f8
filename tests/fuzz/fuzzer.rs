//! The target that the environment names as `TARGET`, as libFuzzer calls it. One program for all: each would be the
//! whole of burnwatch once more.

#![no_main]

mod targets;

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let named = env::var("TARGET").expect("TARGET names a target");
    let known = targets::TARGETS.iter().find(|(name, _)| *name == named);
    known.unwrap_or_else(|| panic!("no target is called {named}")).1
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));

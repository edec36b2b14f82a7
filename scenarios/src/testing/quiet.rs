//! Panics that are caught and told later, with their place, instead of being printed as they happen.
//!
//! Holds:      for each thread that asked for it, the text of its last panic.
//! Invariants: QU-1 a thread that did not ask panics as ever: the hook that was there is called.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// None: panics of this thread are not ours.
    static KEPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// Does something; a panic is answered as its place and its words.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = KEPT.with_borrow_mut(|kept| {
                kept.as_mut().map(|text| {
                    let place = panic.location().map(ToString::to_string).unwrap_or_default();
                    let what = panic.payload_as_str().unwrap_or("a panic without words");
                    *text = format!("{place}\n{what}");
                })
            });
            if ours.is_none() {
                before(panic);
            }
        }));
    });
    KEPT.set(Some(String::new()));
    // What was half done is looked at by nobody but its owner, who says so.
    let done = catch_unwind(AssertUnwindSafe(work));
    let kept = KEPT.take().unwrap_or_default();
    done.map_err(|_| kept)
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_is_answered_with_its_place_and_its_words() {
        let said = caught(|| panic!("lost {}", "count")).expect_err("it panics");
        let (place, what) = said.split_once('\n').expect("two lines");
        assert!(place.contains("quiet.rs:"), "{place}");
        assert_eq!(what, "lost count");
        assert_eq!(caught(|| 7), Ok(7));
    }
}

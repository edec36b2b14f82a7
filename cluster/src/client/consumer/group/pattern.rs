//! placeholder
pub(super) fn is_match(pattern: &str, name: &str) -> bool {
    pattern == name
}

//! Which version of the header stands in front of a message.
//!
//! In Kafka: `ApiKeys.requestHeaderVersion`, `responseHeaderVersion` (KIP-482, KIP-511).
//! Holds:    the first flexible version of every API whose early versions are not.

/// APIs that became flexible in a version after 0; those not listed were born flexible.
const FIRST_FLEXIBLE: &[(i16, i16)] = &[
    (0, 9),
    (1, 12),
    (2, 6),
    (3, 9),
    (8, 8),
    (9, 6),
    (10, 3),
    (11, 6),
    (12, 4),
    (13, 4),
    (14, 4),
    (15, 5),
    (16, 3),
    (17, i16::MAX),
    (18, 3),
    (19, 5),
    (20, 4),
    (21, 2),
    (22, 2),
    (23, 4),
    (24, 3),
    (25, 3),
    (26, 3),
    (27, 1),
    (28, 3),
    (29, 2),
    (30, 2),
    (31, 2),
    (32, 4),
    (33, 2),
    (34, 2),
    (35, 2),
    (36, 2),
    (37, 2),
    (38, 2),
    (39, 2),
    (40, 2),
    (41, 2),
    (42, 2),
    (43, 2),
    (44, 1),
    (47, i16::MAX),
    (48, 1),
    (49, 1),
    (53, 1),
    (54, 1),
    (56, 2),
];

const API_VERSIONS: i16 = 18;

fn is_flexible(api_key: i16, version: i16) -> bool {
    let first =
        FIRST_FLEXIBLE.iter().find(|(key, _)| *key == api_key).map_or(0, |(_, first)| *first);
    version >= first
}

/// 2 with tagged fields, 1 without.
pub fn request_header_version(api_key: i16, version: i16) -> i16 {
    if is_flexible(api_key, version) { 2 } else { 1 }
}

/// 1 with tagged fields, 0 without; ApiVersions always has 0, so that it can be read whatever the node knows.
pub fn response_header_version(api_key: i16, version: i16) -> i16 {
    i16::from(api_key != API_VERSIONS && is_flexible(api_key, version))
}

#[cfg(test)]
mod tests {
    use super::request_header_version;

    /// A request whose shape ends in tagged fields has a flexible header.
    #[test]
    fn the_table_agrees_with_kafkas_shapes() {
        let mut seen = 0;
        for line in include_str!("../../shapes-4.3.0.txt").lines() {
            let mut words = line.split(' ');
            let (name, version) = (words.next().expect("a name"), words.next().expect("a version"));
            let key = words.next().and_then(|word| word.strip_prefix("key=")?.strip_suffix(':'));
            let Some(Ok(key @ 0..)) = key.map(str::parse::<i16>) else { continue };
            if !name.ends_with("Request") {
                continue;
            }
            let version = version.parse().expect("a number");
            let want = if line.ends_with('#') { 2 } else { 1 };
            assert_eq!(request_header_version(key, version), want, "{name} {version}");
            seen += 1;
        }
        assert!(seen > 250, "only {seen} requests in the shapes");
    }
}

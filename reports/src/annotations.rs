//! Findings as GitHub shows them beside a commit: workflow commands, one line each.
//!
//! Inputs:     findings, and where the scenario of each stands.
//! Invariants: AN-1 whatever a finding says, its command is one line, and none of its text is read as a property.

use crate::finding::Finding;

/// Where a scenario stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScenarioPlace<'a> {
    /// Its file; none if it comes with Trial.
    pub file: Option<&'a str>,
    /// Its text.
    pub text: &'a str,
}

/// The line for one finding, with its line end.
#[must_use]
pub fn github_annotation(finding: &Finding, place: ScenarioPlace<'_>) -> String {
    let mut properties = Vec::new();
    if let Some(file) = place.file {
        properties.push(format!("file={}", property(file)));
        if let Some(line) = line_of(finding, place.text) {
            properties.push(format!("line={line}"));
        }
    }
    let whose = if finding.is_ours { "a fault of Trial" } else { finding.kind.as_str() };
    let title = format!("{} {}: {whose}", finding.scenario, finding.name);
    properties.push(format!("title={}", property(&title)));
    let message = format!("{}\n{}", finding.message, finding.story.trim_end());
    format!("::error {}::{}\n", properties.join(","), data(&message))
}

/// The line of the fault that is meant, or that of the title; counted from 1.
fn line_of(finding: &Finding, text: &str) -> Option<usize> {
    let line = |wanted: &dyn Fn(&str) -> bool| text.lines().position(wanted).map(|at| at + 1);
    let fault = finding.fault.as_deref().filter(|fault| !fault.is_empty());
    let fault = fault.and_then(|fault| line(&|line| line.contains(fault)));
    fault.or_else(|| line(&|line| line.trim_start().starts_with("title")))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{ScenarioPlace, github_annotation};
    use crate::finding::Finding;

    fn finding() -> Finding {
        Finding {
            scenario: "a,b".to_owned(),
            name: "R6-1f0a93c2".to_owned(),
            kind: "R6".to_owned(),
            message: "100% of it: gone".to_owned(),
            story: "one::two\r\n::warning file=x::three\n".to_owned(),
            fault: None,
            is_ours: false,
        }
    }

    #[test]
    fn text_is_never_read_as_a_command() {
        let place = ScenarioPlace { file: Some("odd,na:me%.toml"), text: "" };
        assert_eq!(
            github_annotation(&finding(), place),
            "::error file=odd%2Cna%3Ame%25.toml,title=a%2Cb R6-1f0a93c2%3A R6::\
             100%25 of it: gone%0Aone::two%0D%0A::warning file=x::three\n",
            "AN-1"
        );
    }

    #[test]
    fn a_scenario_that_comes_with_trial_has_no_file() {
        let ours = Finding { is_ours: true, ..finding() };
        let line = github_annotation(&ours, ScenarioPlace::default());
        assert!(
            line.starts_with("::error title=a%2Cb R6-1f0a93c2%3A a fault of Trial::"),
            "{line}"
        );
    }

    #[test]
    fn the_line_is_that_of_the_fault_or_of_the_title() {
        let text = "# mine\ntitle = \"t\"\nfaults = [\n  \"at 2s crash b1\",\n]\n";
        let place = ScenarioPlace { file: Some("f.toml"), text };
        let fault = |fault: Option<&str>| {
            let finding = Finding { fault: fault.map(str::to_owned), ..finding() };
            github_annotation(&finding, place)
        };
        assert!(fault(Some("at 2s crash b1")).contains("file=f.toml,line=4,"), "the fault");
        assert!(fault(Some("at 3s crash b1")).contains("file=f.toml,line=2,"), "the title");
        assert!(fault(None).contains("file=f.toml,line=2,"), "the title");
        let crlf = ScenarioPlace { text: "a = 1\r\n\r\ntitle = 1\r\n", ..place };
        assert!(github_annotation(&finding(), crlf).contains("line=3,"), "lines end as they like");
    }
}

//! Runs and sweeps as JUnit XML, which every CI service reads.
//!
//! Invariants: JX-1 equal seeds of one build give equal files: no real time, no host. JX-2 a fault of Trial is an
//!             error, all else that is not as expected a failure. JX-3 a scenario none of whose seeds was played is
//!             skipped, never passed. JX-4 the file is valid by the schema of Jenkins' xUnit plugin (`junit-10.xsd`).

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use trial_reports::{Finding, SweepHeader, Tally};

/// The name of the case that every scenario of a sweep has, so that a history of it can be shown.
const WHOLE: &str = "every seed is as expected";

/// The file for one run: a suite with one case. `finding`: none if it is as expected.
pub(super) fn of_run(scenario: &str, seed: u64, finding: Option<&Finding>) -> String {
    let status = finding.map_or_else(TestCaseStatus::success, status);
    let mut suite = TestSuite::new(scenario);
    suite.add_test_case(case(scenario, &format!("seed {seed}"), status));
    text(vec![suite])
}

/// The file for a sweep: a suite for each scenario, in it a case for all of its seeds, and a failed one for each kind
/// of failure.
pub(super) fn of_sweep(header: &SweepHeader, tally: &Tally, findings: &[Finding]) -> String {
    let suites = header.scenarios.iter().zip(&tally.scenarios).map(|(scenario, tally)| {
        let own = || findings.iter().filter(|finding| finding.scenario == scenario.name);
        let mut suite = TestSuite::new(scenario.name.as_str());
        suite.add_property(("seeds", format!("{}..{}", header.first, header.end).as_str()));
        suite.add_property(("shard", format!("{}/{}", header.shard, header.shards).as_str()));
        suite.add_property(("played", tally.played.to_string().as_str()));
        suite.add_property(("expected", scenario.expected.word()));
        suite.add_property(("version", header.version.as_str()));
        let mut whole = if tally.played == 0 {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message("no seed was played");
            skipped
        } else if tally.unexpected == 0 {
            TestCaseStatus::success()
        } else {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let (count, played) = (tally.unexpected, tally.played);
            failed.set_message(format!("{count} of {played} seeds are not as expected"));
            failed
        };
        if tally.unexpected > 0 {
            whole.set_type("sweep");
            whole.set_description(
                own()
                    .map(|finding| finding.message.as_str())
                    .fold(String::new(), |all, message| format!("{all}{message}\n")),
            );
        }
        suite.add_test_case(case(&scenario.name, WHOLE, whole));
        for finding in own() {
            suite.add_test_case(case(&scenario.name, &finding.name, status(finding)));
        }
        suite
    });
    text(suites.collect())
}

fn status(finding: &Finding) -> TestCaseStatus {
    let kind = if finding.is_ours { NonSuccessKind::Error } else { NonSuccessKind::Failure };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(finding.message.as_str());
    status.set_type(finding.kind.as_str());
    status.set_description(finding.story.as_str());
    status
}

fn case(scenario: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("trial.{scenario}"));
    case
}

fn text(suites: Vec<TestSuite>) -> String {
    let mut report = Report::new("trial");
    report.add_test_suites(suites);
    let text = report.to_string().expect("a String takes any text");
    // JX-4: the schema knows this attribute at a suite, and not at all of them.
    let skipped = format!(
        "<testsuites name=\"trial\" tests=\"{}\" skipped=\"{}\"",
        report.tests, report.skipped
    );
    text.replacen(&skipped, &format!("<testsuites name=\"trial\" tests=\"{}\"", report.tests), 1)
}

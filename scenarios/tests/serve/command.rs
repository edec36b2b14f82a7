//! The command: where it says one can connect, what it refuses, how it ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use super::support::{self, command, trial};

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = support::folder("serve", "taken");
    let taken = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let port = taken.local_addr().expect("it listens").port();
    let base = (port - 2).to_string();
    let said = trial(&folder, &["serve", "--port", &base]);
    said.is_refused(&format!("broker 2 cannot listen on 127.0.0.1:{port}"));
    said.is_refused("choose other ports with --port N");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let folder = support::folder("serve", "refused");
    let refused = |arguments: &[&str], want: &str| trial(&folder, arguments).is_refused(want);
    refused(&["serve", "--port", "65534"], "broker 2 would listen on port 65536");
    refused(&["serve", "--host", "0.0.0.0"], "add --advertise HOST");
    for nowhere in ["", " ", "0.0.0.0", "::", "localhost:9092", "a b"] {
        let want =
            format!("brokers tell clients where to connect, and `{nowhere}` is no such place");
        refused(&["serve", "--advertise", nowhere], want.trim());
    }
    refused(&["serve", "--host", "no.such.host.invalid"], "there is no address");
    refused(&["serve", "departure"], "did you mean `departures`?");
    refused(&["serve", "--set", "cluster.brokers=0"], "broker");
}

#[test]
fn it_tells_where_to_connect_takes_lines_and_ends_with_a_verdict() {
    let folder = support::folder("serve", "lines");
    let free = TcpListener::bind("127.0.0.1:0").expect("some port is free");
    let port = free.local_addr().expect("it listens").port();
    drop(free);
    let base = (port - 1).to_string();
    let one = ["--set", "cluster.brokers=1", "--set", "cluster.controllers=0"];
    let alone = ["--set", "cluster.config.\"default.replication.factor\"=1"];
    let arguments = [&["serve", "--port", &base][..], &one, &alone].concat();
    let mut child = command(&folder, &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut said = Vec::new();
    for line in &mut lines {
        said.push(line.expect("it writes UTF-8"));
        if said.last().is_some_and(|line| line.contains("a fault happens when you type it")) {
            break;
        }
    }
    let want = format!("  bootstrap.servers=127.0.0.1:{port}");
    assert!(said.contains(&want), "{said:#?}");
    let mut input = child.stdin.take().expect("it is piped");
    let bytes = b"\xff\xfe\nstatus\ncrsh b1\ncrash leader(nope/0)\nquit\n";
    input.write_all(bytes).expect("it listens");
    said.extend(lines.map(|line| line.expect("it writes UTF-8")));
    let ended = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said:#?}\n{errors}");
    assert!(errors.contains("byte 0 is not UTF-8"), "and it goes on: {errors}");
    assert!(errors.contains("did you mean `crash`?"), "{errors}");
    assert!(errors.contains("help: there are none"), "{errors}");
    let is_told = |part: &str| said.iter().any(|line| line.contains(part));
    assert!(is_told("active controller: b1"), "{said:#?}");
    assert!(is_told("HOLDS") && is_told("again:   trial serve"), "{said:#?}");
}

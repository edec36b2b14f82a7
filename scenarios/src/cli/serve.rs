//! `trial serve`: a cluster for real clients, until somebody wants an end.
//!
//! Inputs:     the standard input (faults, `status`, `quit`), signals.
//! Effects:    where to connect, a line for what matters, the report of `trial run` at the end.

use std::sync::Arc;
use std::time::Instant;

use trial_cluster::broker::api::served;
use trial_cluster::wire::ApiKey;
use trial_reports::render_served;
use trial_scenarios::asked::{Asked, quoted};
use trial_scenarios::play::{End, OurFault, guarded};
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_scenarios::serve::{Remote, Server, Settings, Told, plain};

use super::args::ServeArgs;
use super::asking::{asked, changed};
use super::lines;
use super::print::{Stop, complain, complain_of, palette, say};
use super::run::{millis_since, tell_unexpected};

/// What a terminal's Ctrl-C ends a process with that does not want to be ended.
const EXIT_INTERRUPTED: i32 = 130;

pub(crate) fn serve(args: &ServeArgs) -> Result<u8, Stop> {
    let asked = match &args.scenario {
        Some(name) => asked(name, &args.changes)?,
        None => changed(plain(), &args.changes),
    };
    let scenario = Arc::new(asked.scenario()?);
    let again = again(args, &asked);
    let ours = |fault| Stop::OurFault(fault, again.clone());
    let settings = Settings {
        host: args.host.clone(),
        advertised: args.advertise.clone(),
        base_port: args.port,
        seed: args.seed,
    };
    let start = Instant::now();
    let server = guarded(&scenario, args.seed, || Server::open(&scenario, &settings));
    let mut server = server.map_err(ours)??;
    say(welcome(&server, &scenario, millis_since(start)));
    listen_to_the_terminal(&server.remote());
    listen_to_signals(&server.remote());
    let served = |server: &mut Server| server.serve(&mut tell);
    let run = guarded(&scenario, args.seed, || {
        served(&mut server);
        say("ending: the faults are over, the cluster recovers, the checkers look\n\n");
        server.finish()
    });
    let mut run = run.map_err(ours)?;
    report(&mut run, &scenario, millis_since(start), &again).map_err(ours)
}

fn tell(told: Told) {
    match told {
        Told::Happened(at, what) => say(format_args!("{:>10}  {what}\n", at.to_string())),
        Told::Answer(text) => say(format_args!("{text}\n")),
        Told::Refused(why) => complain_of(&why),
    }
}

/// Where to connect, and what can be done.
fn welcome(server: &Server, scenario: &Scenario, wall_ms: u64) -> String {
    let bootstrap = server.bootstrap();
    let first = bootstrap.split(',').next().unwrap_or_default();
    let cluster = &server.run().scenario().cluster;
    let (brokers, controllers) = (cluster.brokers, cluster.controllers);
    let who = match (brokers, controllers) {
        (1, 0) => "one node".to_owned(),
        (nodes, 0) => format!("{nodes} nodes"),
        (1, controllers) => format!("one broker, controllers: {controllers}"),
        (brokers, controllers) => format!("{brokers} brokers, {controllers} controllers"),
    };
    let mut text = format!(
        "{}\nKafka {}: {who}, up after {wall_ms} ms\n\n  bootstrap.servers={bootstrap}\n  kcat -b {first} -L\n\n",
        scenario.title,
        scenario.rules.profile(),
    );
    let serves = |api: ApiKey| served().any(|served| served.api == api);
    if !serves(ApiKey::FindCoordinator) {
        text.push_str("not served yet: consumer groups (assign partitions)\n");
    }
    if !serves(ApiKey::AddPartitionsToTxn) {
        text.push_str("not served yet: transactions (set no transactional.id)\n");
    }
    text.push_str(
        "a fault happens when you type it: crash b1 for 5s · cut b1 | b2 b3 for 8s · help · status · quit\n\n",
    );
    text
}

/// The report of a run, and what is different about one that was served.
fn report(
    run: &mut Run,
    scenario: &Arc<Scenario>,
    wall_ms: u64,
    again: &str,
) -> Result<u8, OurFault> {
    let seed = run.seed();
    let document = guarded(scenario, seed, || run.document(wall_ms, again.to_owned()))?;
    say(render_served(&document, palette()));
    say(
        "         (the same cluster; what clients sent came from outside, and is not in the seed)\n",
    );
    let end = End::of(run, scenario.expect);
    let status = end.exit_status();
    tell_unexpected(&end, status);
    Ok(status)
}

/// The line that serves it again.
fn again(args: &ServeArgs, asked: &Asked) -> String {
    let line = asked.replay_line(args.seed);
    let words = line.strip_prefix("trial run ").unwrap_or(&line);
    let words = match &args.scenario {
        Some(_) => words,
        None => words.strip_prefix("plain.toml ").unwrap_or(words),
    };
    let mut line = format!("trial serve {words}");
    if args.host != "127.0.0.1" {
        line.push_str(&format!(" --host {}", quoted(&args.host)));
    }
    if args.port != 9091 {
        line.push_str(&format!(" --port {}", args.port));
    }
    if let Some(advertised) = &args.advertise {
        line.push_str(&format!(" --advertise {}", quoted(advertised)));
    }
    line
}

/// The end of the standard input is no end of serving: there may never have been one.
fn listen_to_the_terminal(remote: &Remote) {
    let remote = remote.clone();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        while let Ok(Some(line)) = lines::next(&mut input) {
            match lines::text_of(&line) {
                Ok(line) => remote.type_line(line),
                Err(why) => complain_of(&why),
            }
        }
    });
}

/// The first signal ends in good order, the second one at once.
fn listen_to_signals(remote: &Remote) {
    let remote = remote.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else {
            complain("Ctrl-C ends this without a verdict: `quit` does better");
            return;
        };
        runtime.block_on(async {
            if interrupted().await.is_ok() {
                remote.quit();
            }
            if interrupted().await.is_ok() {
                std::process::exit(EXIT_INTERRUPTED);
            }
        });
    });
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut asked_to_end = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = asked_to_end.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

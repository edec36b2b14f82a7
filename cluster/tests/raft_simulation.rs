//! The nine scenarios of Kafka's own simulation of its quorum, with its numbers of nodes, on whole nodes.
//!
//! In Kafka:   `RaftEventSimulationTest`. Its invariants are checked after every event, with K1 to K9 and K11.
//! Left out:   SnapshotAtLogStart and LeaderNeverLoadSnapshot, which come with snapshots.

mod raft_support;

use raft_support::simulation::{Draw, FETCH_TIMEOUT, Simulation};
use trial_cluster::note::raft::RaftRole;
use trial_sim::Span;

const SEEDS: u64 = 100;

/// Plays a scenario with every seed; answers how many truncations there were.
fn play(voters: (i32, i32), observers: (i32, i32), scenario: impl Fn(&mut Simulation)) -> u32 {
    let mut truncations = 0;
    for seed in 0..SEEDS {
        let mut simulation = Simulation::new(Draw::of(seed, voters, observers));
        scenario(&mut simulation);
        simulation.finish();
        truncations += simulation.truncations;
    }
    truncations
}

/// A quorum with a leader and a few committed records.
fn warm_up(simulation: &mut Simulation) -> i32 {
    simulation.start_all();
    simulation.run_until("a leader", Simulation::has_consistent_leader);
    simulation.run_until("ten committed", |simulation| simulation.any_reached(10));
    simulation.latest_leader().expect("there was one")
}

#[test]
fn can_elect_initial_leader() {
    play((1, 5), (0, 5), |simulation| {
        simulation.start_all();
        simulation.run_until("a leader", Simulation::has_consistent_leader);
        simulation.run_until("ten committed", |simulation| simulation.all_reached(10));
    });
}

#[test]
fn can_elect_new_leader_after_old_leader_failure() {
    play((3, 5), (0, 5), |simulation| {
        let leader = warm_up(simulation);
        if simulation.draw.is_graceful {
            simulation.shut_down(leader);
            simulation.run_until("it is gone", |simulation| !simulation.is_running(leader));
        } else {
            simulation.kill(leader);
        }
        simulation.run_until("twenty committed", |simulation| simulation.all_reached(20));
        let reached = simulation.highest(simulation.ids());
        simulation.start(leader);
        simulation.run_until("it is back", |simulation| {
            simulation.is_running(leader) && simulation.all_reached(reached + 10)
        });
    });
}

#[test]
fn can_recover_after_all_nodes_killed() {
    play((1, 5), (0, 5), |simulation| {
        warm_up(simulation);
        let reached = simulation.highest(simulation.ids());
        for id in simulation.ids() {
            simulation.kill(id);
        }
        let majority = simulation.draw.voters / 2 + 1;
        for id in 0..majority {
            simulation.start(id);
        }
        simulation.run_until("they go on", |simulation| {
            (0..majority).all(|id| simulation.is_running(id))
                && simulation.all_reached(reached + 10)
        });
    });
}

#[test]
fn can_elect_new_leader_after_old_leader_partitioned_away() {
    play((3, 5), (0, 5), |simulation| {
        let leader = warm_up(simulation);
        simulation.isolate(leader);
        let others: Vec<i32> = simulation.ids().filter(|id| *id != leader).collect();
        simulation
            .run_until("the others go on", |simulation| simulation.these_reached(20, &others));
    });
}

#[test]
fn can_make_progress_if_majority_is_reachable() {
    play((5, 5), (0, 3), |simulation| {
        warm_up(simulation);
        simulation.cut(&[0, 1], &[2, 3, 4]);
        let end = simulation.longest_log();
        simulation.run_until("a part goes on", |simulation| simulation.any_reached(2 * end));
        let (minority, majority) = (simulation.highest(0..2), simulation.highest(2..5));
        assert!(majority > minority, "{:?}: {majority}, {minority}", simulation.draw);
        simulation.heal();
        let end = simulation.longest_log();
        simulation.run_until("all go on", |simulation| simulation.all_reached(2 * end));
    });
}

#[test]
fn leadership_assigned_only_once_with_network_partition_if_there_exists_majority() {
    play((5, 5), (0, 3), |simulation| {
        simulation.require_stable_leadership();
        simulation.cut(&[0], &[1, 3, 4]);
        simulation.cut(&[1], &[2, 4]);
        simulation.start_all();
        simulation.run_until("a leader", Simulation::has_consistent_leader);
        let unreachable: &[i32] = match simulation.latest_leader() {
            Some(2) => &[1],
            Some(3) => &[0],
            Some(4) => &[0, 1],
            other => panic!("{:?}: {other:?} reaches no majority", simulation.draw),
        };
        let majority: Vec<i32> = (0..5).filter(|id| !unreachable.contains(id)).collect();
        simulation.run_until("they go on", |simulation| simulation.these_reached(20, &majority));
    });
}

#[test]
fn leadership_will_not_change_during_network_partition_if_majority_still_reachable() {
    play((5, 5), (0, 3), |simulation| {
        simulation.require_stable_leadership();
        simulation.start_all();
        simulation.run_until("a leader", Simulation::has_consistent_leader);
        simulation.run_until("five committed", |simulation| simulation.all_reached(5));
        let leader = simulation.latest_leader().expect("there was one");
        let [a, b, d, e] = [1, 2, 3, 4].map(|step| (leader + step) % 5);
        simulation.cut(&[a], &[b, d, e]);
        simulation.cut(&[b], &[leader, e]);
        let majority = [a, leader, d, e];
        simulation.run_until("they go on", |simulation| simulation.these_reached(20, &majority));
    });
}

#[test]
fn can_make_progress_after_back_to_back_leader_failures() {
    let truncations = play((3, 5), (0, 5), |simulation| {
        let leader = warm_up(simulation);
        simulation.isolate(leader);
        simulation.run_until("another leader", |simulation| {
            simulation.latest_leader().is_some_and(|latest| latest != leader)
        });
        let next = simulation.latest_leader().expect("there is one");
        simulation.heal();
        simulation.isolate(next);
        let target = simulation.highest(simulation.ids()) + 10;
        simulation.run_until("progress", |simulation| simulation.any_reached(target));
    });
    assert!(truncations > 0, "no isolated leader had anything to cut");
}

#[test]
fn can_recover_from_single_node_committed_data_loss() {
    play((3, 5), (0, 2), |simulation| {
        simulation.checks.is_lenient = true;
        simulation.start_all();
        simulation.run_until("ten committed", |simulation| simulation.any_reached(10));
        let nodes = simulation.ids().count() as u64;
        let drawn = trial_sim::Plan::new(simulation.draw.seed).below("victim", "", 0, nodes);
        let victim = i32::try_from(drawn).expect("a small number");
        simulation.kill_and_wipe(victim);
        simulation.run_until("another leader", |simulation| {
            simulation.latest_leader() != Some(victim) && simulation.has_consistent_leader()
        });
        let reached = simulation.highest(simulation.ids());
        simulation.start(victim);
        simulation.run_until("it is back", |simulation| {
            simulation.is_running(victim) && simulation.all_reached(reached + 10)
        });
    });
}

/// K13, which Kafka's simulation does not have.
#[test]
fn an_isolated_leader_resigns_in_time() {
    play((2, 5), (0, 0), |simulation| {
        let leader = warm_up(simulation);
        simulation.isolate(leader);
        let begun = simulation.now();
        simulation.run_until("it resigns", |simulation| {
            simulation.role(leader) != Some(RaftRole::Leader)
        });
        let waited = simulation.now().since(begun);
        let bound = FETCH_TIMEOUT * 3 / 2 + Span::from_millis(100);
        assert!(waited <= bound, "K13: {:?} led on for {waited}", simulation.draw);
    });
}

#[test]
fn a_run_is_its_seed() {
    let digest = |seed| {
        let mut simulation = Simulation::new(Draw::of(seed, (3, 3), (1, 1)));
        let leader = warm_up(&mut simulation);
        simulation.kill(leader);
        simulation.run_for(Span::from_secs(5));
        simulation.world.digest()
    };
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

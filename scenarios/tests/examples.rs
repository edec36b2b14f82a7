//! Every example is played, as `cargo run --example` would play it.

#[path = "../examples/catch_a_bug.rs"]
mod catch_a_bug;
#[path = "../examples/crash_the_leader.rs"]
mod crash_the_leader;
#[path = "../examples/first_test.rs"]
mod first_test;
#[path = "../examples/from_a_file.rs"]
mod from_a_file;
#[path = "../examples/my_own_invariant.rs"]
mod my_own_invariant;
#[path = "../examples/two_futures.rs"]
mod two_futures;

macro_rules! each_is_played {
    ($($name:ident),+ $(,)?) => {
        mod each_is_played {
            $(
                #[test]
                fn $name() {
                    super::$name::main();
                }
            )+
        }

        #[test]
        fn no_example_is_left_out() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
            let mut there: Vec<String> = std::fs::read_dir(folder)
                .expect("it is there")
                .map(|file| file.expect("it can be listed").path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
                .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
                .collect();
            there.sort();
            assert_eq!(there, [$(stringify!($name)),+], "scenarios/examples holds others");
        }
    };
}

each_is_played!(
    catch_a_bug,
    crash_the_leader,
    first_test,
    from_a_file,
    my_own_invariant,
    two_futures,
);
